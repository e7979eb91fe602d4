package meter

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// hopByHop are the headers that belong to one connection.
var hopByHop = []string{
	"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// buffers for bodies, one a request: large enough that the cost of a system call
// does not show, small enough for a thousand requests.
var buffers = sync.Pool{New: func() any { return new([64 << 10]byte) }}

// ServeHTTP relays one request.
func (m *Meter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !m.begin() {
		panic(http.ErrAbortHandler)
	}
	defer m.handlers.Done()
	start := time.Now()
	path, query, _ := strings.Cut(r.RequestURI, "?")
	name := m.opts.Classify(r.Method, path, query)
	c := m.class(name)
	c.begin()
	m.enter()
	req := Request{
		Method: r.Method, Target: r.RequestURI, Class: name, Range: r.Header.Get("Range"), Start: start,
	}
	aborted := true
	defer func() {
		m.inFlight.Add(-1)
		req.Elapsed = time.Since(start)
		c.end(&req, aborted)
		if m.opts.OnRequest != nil {
			m.opts.OnRequest(req)
		}
		if aborted {
			panic(http.ErrAbortHandler) // what broke off breaks off here too
		}
	}()

	if !m.wait(r.Context()) {
		return
	}
	sent := &countedBody{body: r.Body, total: &c.sent}
	resp, err := m.transport.RoundTrip(m.outgoing(r, sent))
	req.Sent = sent.n.Load()
	if err != nil {
		if r.Context().Err() == nil {
			m.opts.Logger.LogAttrs(r.Context(), slog.LevelWarn, "store did not answer",
				slog.String("method", r.Method), slog.Any("err", err))
		}
		return
	}
	defer func() { _ = resp.Body.Close() }()
	req.Status = resp.StatusCode
	header := w.Header()
	for name, values := range resp.Header {
		header[name] = values
	}
	dropHopByHop(header)
	if _, dated := header["Date"]; !dated {
		header["Date"] = nil // or the server adds its own
	}
	if _, typed := header["Content-Type"]; !typed {
		header["Content-Type"] = nil
	}
	w.WriteHeader(resp.StatusCode)
	received := &countedBody{body: resp.Body, total: &c.received}
	buf, _ := buffers.Get().(*[64 << 10]byte)
	_, err = io.CopyBuffer(onlyWriter{w}, received, buf[:])
	buffers.Put(buf)
	req.Sent, req.Received = sent.n.Load(), received.n.Load()
	aborted = err != nil
}

// onlyWriter hides ReadFrom, which would not use the buffer.
type onlyWriter struct{ io.Writer }

// wait is the latency; false if the client or the Meter went away meanwhile.
func (m *Meter) wait(ctx context.Context) bool {
	d := time.Duration(m.latency.Load())
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
	case <-m.stopping:
		return false
	}
}

// outgoing is the request to the store. Its target is the client's, character by
// character.
func (m *Meter) outgoing(r *http.Request, body *countedBody) *http.Request {
	out := &http.Request{
		Method:        r.Method,
		URL:           m.target(r),
		Host:          r.Host,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        make(http.Header, len(r.Header)+1),
		ContentLength: r.ContentLength,
	}
	for name, values := range r.Header {
		out.Header[name] = values
	}
	dropHopByHop(out.Header)
	if _, named := out.Header["User-Agent"]; !named {
		out.Header["User-Agent"] = []string{""} // or the transport adds its own
	}
	if r.ContentLength != 0 {
		out.Body = body
	}
	return out.WithContext(r.Context())
}

// target is Opaque, which goes out as it is, unless that would begin with two
// slashes, which net/url takes for a host.
func (m *Meter) target(r *http.Request) *url.URL {
	path, query, hasQuery := strings.Cut(r.RequestURI, "?")
	u := &url.URL{Scheme: m.scheme, Host: m.host, RawQuery: query, ForceQuery: hasQuery}
	if strings.HasPrefix(path, "//") {
		u.Path, u.RawPath = r.URL.Path, path
	} else {
		u.Opaque = path
	}
	return u
}

func dropHopByHop(h http.Header) {
	for _, list := range h["Connection"] {
		for name := range strings.SplitSeq(list, ",") {
			h.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range hopByHop {
		delete(h, name)
	}
}

// A countedBody counts what is read of a body as it passes, so that no client has
// seen a byte that is not counted yet.
type countedBody struct {
	body  io.Reader
	total *atomic.Int64
	n     atomic.Int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	b.n.Add(int64(n))
	b.total.Add(int64(n))
	return n, err
}

// Close does nothing: the server closes the body of its request, and the answer's
// is closed where it was opened.
func (b *countedBody) Close() error { return nil }
