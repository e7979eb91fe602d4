package proxy_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/origintest"
)

// volatile headers differ between any two answers, or are Hearth's own.
var volatile = []string{"Date", "X-Amz-Request-Id", "X-Amz-Id-2", "X-Hearth-Cache", "Server-Timing", "Server", "Connection"}

func comparable(a *answer) map[string]string {
	m := map[string]string{"status": fmt.Sprint(a.Status)}
	for name, values := range a.Header {
		m[name] = strings.Join(values, "|")
	}
	for _, name := range volatile {
		delete(m, name)
	}
	if a.Status == http.StatusNotModified {
		delete(m, "Accept-Ranges") // stores differ
	}
	if a.Status >= 400 { // error texts are the server's own; their code is not
		delete(m, "Content-Length")
		_, code, _ := strings.Cut(string(a.Body), "<Code>")
		m["code"], _, _ = strings.Cut(code, "</Code>")
	} else {
		m["body"] = string(a.Body)
	}
	return m
}

// Every way to read an object must give what the origin gives: unknown to Hearth, known
// to it, and for keys of every class.
func TestReadsThroughHearthEqualReadsAtTheOrigin(t *testing.T) {
	sizes := map[string]int{"empty": 0, "one byte": 1, "a page": 4096, "a page and one": 4097, "three runs": 3*64<<10 + 77}
	const tag = `"0123456789abcdef"`
	reads := []struct {
		name   string
		method string
		header map[string]string
	}{
		{"whole", "GET", nil},
		{"described", "HEAD", nil},
		{"whole with checksums", "GET", map[string]string{"X-Amz-Checksum-Mode": "ENABLED"}},
		{"described with checksums", "HEAD", map[string]string{"X-Amz-Checksum-Mode": "ENABLED"}},
		{"first byte", "GET", map[string]string{"Range": "bytes=0-0"}},
		{"closed range", "GET", map[string]string{"Range": "bytes=100-5000"}},
		{"closed range over the end", "GET", map[string]string{"Range": "bytes=4000-99999999"}},
		{"open range", "GET", map[string]string{"Range": "bytes=4096-"}},
		{"suffix", "GET", map[string]string{"Range": "bytes=-70"}},
		{"suffix longer than the object", "GET", map[string]string{"Range": "bytes=-99999999"}},
		{"suffix of nothing", "GET", map[string]string{"Range": "bytes=-0"}},
		{"range behind the end", "GET", map[string]string{"Range": "bytes=99999998-99999999"}},
		{"range with checksums", "GET", map[string]string{"Range": "bytes=0-9", "X-Amz-Checksum-Mode": "ENABLED"}},
		{"several ranges", "GET", map[string]string{"Range": "bytes=0-1,5-6"}},
		{"range in another unit", "GET", map[string]string{"Range": "lines=0-1"}},
		{"range backwards", "GET", map[string]string{"Range": "bytes=9-1"}},
		{"range of garbage", "GET", map[string]string{"Range": "bytes=x-y"}},
		{"described range", "HEAD", map[string]string{"Range": "bytes=0-9"}},
		{"if-match holds", "GET", map[string]string{"If-Match": tag}},
		{"if-match fails", "GET", map[string]string{"If-Match": `"other"`}},
		{"if-match fails, described", "HEAD", map[string]string{"If-Match": `"other"`}},
		{"if-none-match holds", "GET", map[string]string{"If-None-Match": `"other"`}},
		{"if-none-match fails", "GET", map[string]string{"If-None-Match": tag}},
		{"if-none-match star", "HEAD", map[string]string{"If-None-Match": "*"}},
		{"modified since long ago", "GET", map[string]string{"If-Modified-Since": "Mon, 01 Jan 1990 00:00:00 GMT"}},
		{"modified since the future", "GET", map[string]string{"If-Modified-Since": "Tue, 01 Jan 2030 00:00:00 GMT"}},
		{"unmodified since long ago", "GET", map[string]string{"If-Unmodified-Since": "Mon, 01 Jan 1990 00:00:00 GMT"}},
		{"unmodified since the future", "GET", map[string]string{"If-Unmodified-Since": "Tue, 01 Jan 2030 00:00:00 GMT"}},
		{"412 comes before 304", "GET", map[string]string{"If-Match": `"other"`, "If-None-Match": tag}},
		{"304 comes before 416", "GET", map[string]string{"If-None-Match": tag, "Range": "bytes=99999998-99999999"}},
		{"412 comes before 416", "GET", map[string]string{"If-Match": `"other"`, "Range": "bytes=99999998-99999999"}},
		{"condition and range", "GET", map[string]string{"If-Match": tag, "Range": "bytes=10-19"}},
	}
	for class, key := range map[string]string{
		"immutable": immutableKey, "revalidate": "plain/object.bin", "never": "db/items.lance/_mem_wal/s/wal/1.arrow",
	} {
		for sizeName, size := range sizes {
			t.Run(class+"/"+sizeName, func(t *testing.T) {
				h := newHearth(t, nil)
				put := func() {
					h.origin.PutObject(bucket, key, origintest.Object{
						Data: randomBytes(7, size), ETag: tag,
						Header: http.Header{
							"Content-Type": {"text/x-test"}, "Content-Encoding": {"gzip"}, "Cache-Control": {"no-store"},
							"x-amz-meta-owner": {"somebody"}, "x-amz-checksum-crc32": {"AAAAAA=="}, "x-amz-version-id": {"v1"},
						},
					})
				}
				put()
				for _, read := range reads {
					t.Run(read.name, func(t *testing.T) {
						h.ask(h.url, "DELETE", "/"+bucket+"/"+key, nil, nil) // Hearth forgets it
						put()
						want := comparable(h.ask(h.origin.URL(), read.method, "/"+bucket+"/"+key, read.header, nil))
						if read.header["X-Amz-Checksum-Mode"] == "" || want["status"] != "200" {
							delete(want, "X-Amz-Checksum-Crc32") // S3 sends it only when asked, and for the whole object
						}
						for _, state := range []string{"unknown", "known", "known and read before"} {
							if state == "known and read before" {
								h.get(key, nil)
							}
							got := h.ask(h.url, read.method, "/"+bucket+"/"+key, read.header, nil)
							if got.Err != nil {
								t.Fatalf("%s: %v", state, got.Err)
							}
							if got.cache() == "bypass" && want["X-Amz-Checksum-Crc32"] == "" {
								got.Header.Del("X-Amz-Checksum-Crc32") // handed through from the fake
							}
							if diff := cmp.Diff(want, comparable(got)); diff != "" {
								t.Errorf("%s object, origin (-) and Hearth (+):\n%s", state, diff)
							}
						}
					})
				}
			})
		}
	}
}
