package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthcache/hearth/pagecache"
	"github.com/hearthcache/hearth/proxy"
	"github.com/hearthcache/hearth/proxy/wire"
)

// A discard is a response writer that keeps nothing but the length.
type discard struct {
	header http.Header
	status int
	bytes  int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(p []byte) (int, error) { d.bytes += len(p); return len(p), nil }

// ReadFrom takes batches, as a connection of package wire does.
func (d *discard) ReadFrom(src io.Reader) (int64, error) {
	var room [17][]byte
	var n int64
	for {
		batch, err := src.(wire.Source).NextBatch(room[:0])
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		for _, p := range batch {
			n += int64(len(p))
			d.bytes += len(p)
		}
	}
}

func (d *discard) Flush() {}

// reset makes d what net/http hands to a handler: an empty map, new for each request
// there, reused here so that its cost is not counted.
func (d *discard) reset() {
	clear(d.header)
	d.status, d.bytes = 0, 0
}

// newHitHandler returns a handler with the object resident, and metrics registered as in
// the sidecar. Its pages are as large as the sidecar's.
func newHitHandler(tb testing.TB) http.Handler {
	tb.Helper()
	registry := prometheus.NewRegistry()
	h := newHearth(tb, func(s *setup) {
		s.objects.Registerer = registry
		s.objects.Pages = pagecache.Options{MemoryBytes: 64 << 20}
	})
	h.origin.Put(bucket, immutableKey, randomBytes(1, 8<<20))
	if a := h.get(immutableKey, nil); a.Status != http.StatusOK || len(a.Body) != 8<<20 {
		tb.Fatalf("warming: %d, %d bytes", a.Status, len(a.Body))
	}
	return proxy.New(h.objects, proxy.Options{Registerer: registry})
}

// hitRequest is a request as net/http's server would hand it over.
func hitRequest(tb testing.TB, n int) *http.Request {
	tb.Helper()
	text := fmt.Sprintf("GET /%s/%s HTTP/1.1\r\nhost: 127.0.0.1:9000\r\naccept: */*\r\nuser-agent: object_store/0.14.1\r\nrange: bytes=%d-%d\r\n\r\n",
		bucket, immutableKey, 1<<20, 1<<20+n-1)
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
	if err != nil {
		tb.Fatal(err)
	}
	return r.WithContext(tb.Context())
}

var hitSizes = []struct {
	name string
	n    int
}{{"4KiB", 4 << 10}, {"64KiB", 64 << 10}, {"1MiB", 1 << 20}}

// BenchmarkHit is the handler's part of a hit: everything but net/http and the socket.
func BenchmarkHit(b *testing.B) {
	h := newHitHandler(b)
	for _, size := range hitSizes {
		b.Run("size="+size.name, func(b *testing.B) {
			r := hitRequest(b, size.n)
			w := &discard{header: http.Header{}}
			b.SetBytes(int64(size.n))
			b.ReportAllocs()
			for b.Loop() {
				w.reset()
				h.ServeHTTP(w, r)
			}
			if w.status != http.StatusPartialContent || w.bytes != size.n || w.header.Get("X-Hearth-Cache") != "hit" {
				b.Fatalf("%d, %d bytes, %v", w.status, w.bytes, w.header)
			}
		})
	}
}
