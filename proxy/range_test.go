package proxy_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestARangeBehindTheEndIsAnsweredInTheClientsOwnWords(t *testing.T) {
	const size = 5000 // pages have 4,096
	for name, span := range map[string]string{
		"in the last page": "bytes=6000-6001", "on a later page": "bytes=9001-9002", "from a page on": "bytes=8192-", "far behind": "bytes=123456789-",
	} {
		for class, key := range map[string]string{"immutable": immutableKey, "revalidate": "plain"} {
			for _, known := range []bool{false, true} {
				h := newHearth(t, nil)
				h.origin.Put(bucket, key, randomBytes(1, size))
				if known {
					h.get(key, nil)
				}
				a := h.get(key, map[string]string{"Range": span})
				if a.Status != http.StatusRequestedRangeNotSatisfiable || a.Header.Get("Content-Range") != "bytes */5000" ||
					!strings.Contains(string(a.Body), "<RangeRequested>"+span+"</RangeRequested>") ||
					!strings.Contains(string(a.Body), "<ActualObjectSize>5000</ActualObjectSize>") {
					t.Errorf("%s, %s, known %t: %d %v %s", name, class, known, a.Status, a.Header, a.Body)
				}
			}
		}
	}
}
