package origintest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// A Server is a running fake. Make one with [Start] or [StartPipe].
type Server struct {
	url  string
	dial func(ctx context.Context, network, addr string) (net.Conn, error)

	mu       sync.Mutex
	store    store
	requests []*Recorded
	counts   map[string]int
	rules    []*ruleState
	before   func(*Recorded) Action
	classify func(*Recorded) string
	keys     map[string]string // access key to secret; nil: anyone
	now      func() time.Time
	rng      *rand.Rand
	deaf     bool
	stop     chan struct{}
}

// Start runs a server on a loopback port until the test ends.
func Start(tb testing.TB) *Server {
	tb.Helper()
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp4", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s := newServer("http://" + l.Addr().String())
	s.dial = new(net.Dialer).DialContext
	s.serve(tb, l)
	return s
}

// StartPipe runs a server on in-memory pipes, which work in a synctest bubble. Its
// URL has no address behind it: reach it through Transport.
func StartPipe(tb testing.TB) *Server {
	tb.Helper()
	l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	s := newServer("http://origin.test")
	s.dial = l.dial
	s.serve(tb, l)
	return s
}

func newServer(url string) *Server {
	return &Server{
		url:    url,
		store:  store{buckets: map[string]map[string]*Object{}, uploads: map[string]*upload{}},
		counts: map[string]int{},
		now:    time.Now,
		rng:    rand.New(rand.NewPCG(1, 1)),
		stop:   make(chan struct{}),
	}
}

func (s *Server) serve(tb testing.TB, l net.Listener) {
	srv := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0), // aborted answers are the point
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	tb.Cleanup(func() {
		s.release()
		if err := srv.Close(); err != nil {
			tb.Errorf("origintest: close: %v", err)
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			tb.Errorf("origintest: serve: %v", err)
		}
	})
}

// release ends every stall.
func (s *Server) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.stop:
	default:
		close(s.stop)
	}
}

// URL is the endpoint, "http://host:port".
func (s *Server) URL() string { return s.url }

// Transport returns a new transport that reaches the server. The caller closes
// its idle connections.
func (s *Server) Transport() *http.Transport {
	return &http.Transport{DialContext: s.dial, DisableCompression: true, MaxIdleConnsPerHost: 64}
}

// Before calls hook for every request before it is answered; the Action it
// returns is taken, unless it is zero. hook may call the server's methods.
func (s *Server) Before(hook func(*Recorded) Action) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = hook
}

// Classify replaces the classes that requests are counted by.
func (s *Server) Classify(f func(*Recorded) string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.classify = f
}

// RequireSignature refuses requests that are not signed with one of the keys,
// access key to secret, at about the time now says (nil: time.Now).
func (s *Server) RequireSignature(keys map[string]string, now func() time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = keys
	if now != nil {
		s.now = now
	}
}

// Deaf makes the server leave the bodies of requests unread, until the test ends.
func (s *Server) Deaf(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deaf = on
}

// Seed restarts the random numbers of rules with a Probability.
func (s *Server) Seed(seed uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rng = rand.New(rand.NewPCG(seed, seed))
}

// Requests returns copies of all recorded requests, in order of arrival.
func (s *Server) Requests() []Recorded {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Recorded, len(s.requests))
	for i, r := range s.requests {
		out[i] = *r
	}
	return out
}

// Count returns how many requests of a class have arrived; of all classes for "".
func (s *Server) Count(class string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if class == "" {
		return len(s.requests)
	}
	return s.counts[class]
}

// Counts returns the requests of every class.
func (s *Server) Counts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[string]int, len(s.counts))
	for class, n := range s.counts {
		out[class] = n
	}
	return out
}

// Reset forgets recorded requests, counts and rules; objects stay.
func (s *Server) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests, s.rules = nil, nil
	clear(s.counts)
}

// String lists the recorded requests, one a line: a log to compare in tests.
func (s *Server) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out string
	for _, r := range s.requests {
		out += fmt.Sprintf("%s %s", r.Method, r.Target)
		if rng := r.Range(); rng != "" {
			out += " " + rng
		}
		out += fmt.Sprintf(" %d\n", r.Status)
	}
	return out
}

// A pipeListener hands out in-memory connections.
type pipeListener struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }
