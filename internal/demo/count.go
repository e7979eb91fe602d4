package demo

import (
	"net/http"
	"sync/atomic"

	"github.com/hearthcache/hearth/internal/meter"
)

// A CountingTransport counts requests where they leave for an origin that no meter can
// stand in front of. It is safe for concurrent use.
type CountingTransport struct {
	Base http.RoundTripper

	immutable, mutable atomic.Int64
}

// RoundTrip implements http.RoundTripper.
func (t *CountingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if meter.LanceClass(r.Method, r.URL.EscapedPath(), r.URL.RawQuery) == meter.Immutable {
		t.immutable.Add(1)
	} else {
		t.mutable.Add(1)
	}
	return t.Base.RoundTrip(r)
}

// CloseIdleConnections closes what the base keeps open.
func (t *CountingTransport) CloseIdleConnections() {
	if c, ok := t.Base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// Counts returns the requests since Reset.
func (t *CountingTransport) Counts() Counts {
	return Counts{Immutable: t.immutable.Load(), Mutable: t.mutable.Load()}
}

// Reset starts counting anew.
func (t *CountingTransport) Reset() {
	t.immutable.Store(0)
	t.mutable.Store(0)
}
