package meter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// Options says how to measure.
type Options struct {
	// Latency is added to every request, before it is sent on. It can be changed
	// later with SetLatency.
	Latency time.Duration
	// Classify names the class that a request is counted in, from its method and
	// its path and query as sent, undecoded. Default: the method.
	Classify func(method, path, query string) string
	// Listen is the address to listen on. Default "127.0.0.1:0".
	Listen string
	// OnRequest, if set, is called for every request when its answer is complete,
	// on the goroutine that served it.
	OnRequest func(Request)
	// Logger receives requests that failed; nil discards.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.Classify == nil {
		o.Classify = func(method, _, _ string) string { return method }
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// A Request is one relayed request, as OnRequest sees it.
type Request struct {
	Method, Target, Class string
	// Range is the Range header.
	Range string
	// Status is what the client was answered.
	Status int
	// Sent and Received are the body bytes toward the origin and from it.
	Sent, Received int64
	// Start is when the request arrived, Elapsed until its last byte was sent on.
	Start   time.Time
	Elapsed time.Duration
}

// A Meter is a running proxy. Make one with [Start].
type Meter struct {
	opts      Options
	scheme    string
	host      string
	url       string
	transport *http.Transport
	server    *http.Server
	done      chan struct{}
	serveErr  error // read after done
	latency   atomic.Int64

	mu       sync.Mutex
	stopped  bool          // Guarded by mu
	stopping chan struct{} // closed when stopped
	handlers sync.WaitGroup

	classes  sync.Map // class name to *class
	inFlight atomic.Int64
	peak     atomic.Int64
}

// Start listens, and relays to the store at endpoint, "http(s)://host[:port]",
// until Close.
func Start(endpoint string, o Options) (*Meter, error) {
	o = o.withDefaults()
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, fmt.Errorf("meter: endpoint: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Path != "" && u.Path != "/" {
		return nil, fmt.Errorf("meter: endpoint %q: want http(s)://host[:port]", endpoint)
	}
	if o.Latency < 0 {
		return nil, fmt.Errorf("meter: negative latency %s", o.Latency)
	}
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("meter: %w", err)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	m := &Meter{
		opts:   o,
		scheme: u.Scheme,
		host:   u.Host,
		url:    "http://" + l.Addr().String(),
		transport: &http.Transport{
			Protocols:             protocols,
			DisableCompression:    true,
			MaxIdleConnsPerHost:   1024,
			IdleConnTimeout:       time.Minute,
			ExpectContinueTimeout: time.Second,
			WriteBufferSize:       32 << 10,
		},
		done:     make(chan struct{}),
		stopping: make(chan struct{}),
	}
	m.latency.Store(int64(o.Latency))
	m.server = &http.Server{
		Handler:           m,
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0), // aborted answers are reported by the client
	}
	go func() {
		defer close(m.done)
		m.serveErr = m.server.Serve(l)
	}()
	return m, nil
}

// URL is the endpoint to use in place of the store's, "http://host:port".
func (m *Meter) URL() string { return m.url }

// SetLatency changes the latency of requests that arrive from now on.
func (m *Meter) SetLatency(d time.Duration) { m.latency.Store(int64(max(0, d))) }

// Close cuts all connections and waits until every request has ended. It is safe
// to call more than once.
func (m *Meter) Close() error {
	m.mu.Lock()
	if !m.stopped {
		m.stopped = true
		close(m.stopping)
	}
	m.mu.Unlock()
	err := m.server.Close()
	<-m.done
	m.handlers.Wait()
	m.transport.CloseIdleConnections()
	if !errors.Is(m.serveErr, http.ErrServerClosed) {
		err = errors.Join(err, m.serveErr)
	}
	if err != nil {
		return fmt.Errorf("meter: %w", err)
	}
	return nil
}

// begin admits a request unless the Meter is closed.
func (m *Meter) begin() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.stopped {
		m.handlers.Add(1)
	}
	return !m.stopped
}
