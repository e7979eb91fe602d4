package sigv4_test

import (
	"bufio"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hearthcache/hearth/internal/sigv4"
)

// The credentials of AWS's published examples.
const (
	exampleAccessKey = "AKIAIOSFODNN7EXAMPLE"
	exampleSecret    = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	exampleRegion    = "us-east-1"
)

var exampleTime = time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)

// staticKeys is a key store for tests.
type staticKeys map[string]string

func (k staticKeys) Secret(accessKey string) (string, bool) {
	s, ok := k[accessKey]
	return s, ok
}

func newVerifier(tb testing.TB, o sigv4.Options) *sigv4.Verifier {
	tb.Helper()
	if o.Keys == nil {
		o.Keys = staticKeys{exampleAccessKey: exampleSecret}
	}
	if o.Now == nil {
		o.Now = func() time.Time { return exampleTime }
	}
	v, err := sigv4.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// wire makes of a request's text what net/http's server would make of it. Lines
// may end in \n alone.
func wire(tb testing.TB, head, body string) *http.Request {
	tb.Helper()
	head = strings.ReplaceAll(strings.TrimSpace(head), "\n", "\r\n")
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head + "\r\n\r\n" + body)))
	if err != nil {
		tb.Fatalf("read request: %v", err)
	}
	return r
}

func codeOf(err error) string {
	if e, ok := errors.AsType[*sigv4.Error](err); ok {
		return e.Code
	}
	return ""
}
