// Package meter stands between Hearth and an object store and counts what passes: the
// place from which "no origin request" is said. It can also add latency, to make a store
// on the same machine as far away as S3.
//
// A [Meter] is an HTTP reverse proxy. It leaves the request target, the Host header and
// everything else that a signature covers as it is, and streams both ways. It is for
// demos, benchmarks and tests, not for production.
package meter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Options configure a [Meter].
type Options struct {
	// Latency is added to each request, before it is passed on.
	Latency time.Duration
	// Classify names the class that a request is counted in. Path and query are as sent,
	// undecoded. Default: the method.
	Classify func(method, path, query string) string
}

// A Meter is a running proxy. It is safe for concurrent use.
type Meter struct {
	url       string
	upstream  string // host:port
	opts      Options
	server    *http.Server
	transport *http.Transport
	served    chan error

	mu     sync.Mutex
	counts map[string]int64 // Guarded by mu
	bytes  int64            // of answers' bodies. Guarded by mu
}

// Start runs a meter on a free loopback port in front of the store at endpoint, a plain
// HTTP URL. Close it.
func Start(endpoint string, o Options) (*Meter, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		return nil, fmt.Errorf("meter: %q is not a plain HTTP endpoint", endpoint)
	}
	if o.Classify == nil {
		o.Classify = func(method, _, _ string) string { return method }
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("meter: %w", err)
	}
	m := &Meter{
		url: "http://" + listener.Addr().String(), upstream: u.Host, opts: o,
		transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 512, MaxIdleConns: 512},
		served:    make(chan error, 1), counts: make(map[string]int64),
	}
	m.server = &http.Server{Handler: m, ReadHeaderTimeout: time.Minute}
	go func() { m.served <- m.server.Serve(listener) }()
	return m, nil
}

// URL is the endpoint to use in place of the store's.
func (m *Meter) URL() string { return m.url }

// Close ends the proxy and its connections and waits for it.
func (m *Meter) Close() error {
	err := m.server.Close()
	if served := <-m.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	m.served <- http.ErrServerClosed // so that Close may be called again
	m.transport.CloseIdleConnections()
	return err
}

// Count returns the requests of a class since the last Reset; of all classes for "".
func (m *Meter) Count(class string) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	if class != "" {
		return m.counts[class]
	}
	var n int64
	for _, c := range m.counts {
		n += c
	}
	return n
}

// Counts returns the requests of every class since the last Reset.
func (m *Meter) Counts() map[string]int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.counts)
}

// Bytes returns the bytes of answers since the last Reset.
func (m *Meter) Bytes() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.bytes
}

// Reset starts counting anew.
func (m *Meter) Reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.counts)
	m.bytes = 0
}

// ServeHTTP passes one request on.
func (m *Meter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, query, _ := strings.Cut(r.RequestURI, "?")
	class := m.opts.Classify(r.Method, path, query)
	m.mu.Lock()
	m.counts[class]++
	m.mu.Unlock()
	if !pause(r.Context(), m.opts.Latency) {
		panic(http.ErrAbortHandler)
	}
	response, err := m.forward(r, path, query)
	if err != nil {
		panic(http.ErrAbortHandler) // the store's fault looks like the store's fault
	}
	defer func() { _ = response.Body.Close() }() // copied to its end, or given up
	maps.Copy(w.Header(), response.Header)
	if response.ContentLength >= 0 {
		w.Header().Set("Content-Length", fmt.Sprint(response.ContentLength))
	}
	w.WriteHeader(response.StatusCode)
	n, err := io.Copy(w, response.Body)
	m.mu.Lock()
	m.bytes += n
	m.mu.Unlock()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
}

// forward sends r to the store, target and Host as they came.
func (m *Meter) forward(r *http.Request, path, query string) (*http.Response, error) {
	out := r.Clone(r.Context())
	out.RequestURI = ""
	// Opaque goes out as it is, provided that it does not begin with two slashes.
	out.URL = &url.URL{Scheme: "http", Host: m.upstream, Opaque: path, RawQuery: query}
	if strings.HasPrefix(path, "//") {
		out.URL = &url.URL{Scheme: "http", Host: m.upstream, Path: r.URL.Path, RawPath: path, RawQuery: query}
	}
	if r.ContentLength == 0 {
		out.Body = nil
	}
	if _, ok := out.Header["User-Agent"]; !ok {
		out.Header["User-Agent"] = []string{""}
	}
	return m.transport.RoundTrip(out)
}

// pause waits; false if ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
