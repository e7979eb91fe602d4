package sigv4_test

import (
	"errors"
	"fmt"
	"net/http/httptest"

	"github.com/hearthcache/hearth/internal/sigv4"
)

// keyStore is a KeyStore with one key.
type keyStore struct{}

func (keyStore) Secret(accessKey string) (string, bool) {
	return "correct-horse-battery", accessKey == "READERS"
}

func Example() {
	v, err := sigv4.New(sigv4.Options{Keys: keyStore{}, Region: "us-east-1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	r := httptest.NewRequest("GET", "/lake/items.lance/data/1.lance", nil)
	_, err = v.Verify(r)
	if e, ok := errors.AsType[*sigv4.Error](err); ok {
		fmt.Println(e.Status, e.Code)
	}
	// Output: 403 AccessDenied
}
