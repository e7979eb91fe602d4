package origintest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A Capture is a server that keeps each request byte by byte and gives all the
// same answer.
type Capture struct {
	addr   string
	answer string

	mu         sync.Mutex
	requests   []Captured
	conns      map[net.Conn]struct{}
	noContinue bool
}

// A Captured is one request, unparsed but for its frame.
type Captured struct {
	// Line is the request line without its end; Method and Target are its parts.
	Line, Method, Target string
	// Headers are the header lines as sent, in order.
	Headers []string
	// Body is the body as sent, transfer coding included.
	Body []byte
}

// Values returns the values of a header in order, under any spelling.
func (c Captured) Values(name string) []string {
	var out []string
	for _, line := range c.Headers {
		if n, v, _ := strings.Cut(line, ":"); strings.EqualFold(n, name) {
			out = append(out, strings.TrimSpace(v))
		}
	}
	return out
}

// Signed returns the request in the form VerifySignature takes.
func (c Captured) Signed() SignedRequest {
	r := SignedRequest{Method: c.Method, Target: c.Target, Header: http.Header{}}
	for _, line := range c.Headers {
		name, value, _ := strings.Cut(line, ":")
		if value = strings.TrimSpace(value); strings.EqualFold(name, "Host") {
			r.Host = value
		} else {
			r.Header.Add(name, value)
		}
	}
	return r
}

// StartCapture runs a capturing server until the test ends. answer is sent for
// every request, as it is; empty means 200 with no body.
func StartCapture(tb testing.TB, answer string) *Capture {
	tb.Helper()
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp4", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	if answer == "" {
		answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	}
	c := &Capture{addr: l.Addr().String(), answer: answer, conns: map[net.Conn]struct{}{}}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.mu.Lock()
			c.conns[conn] = struct{}{}
			c.mu.Unlock()
			wg.Go(func() { c.serve(conn) })
		}
	})
	tb.Cleanup(func() {
		_ = l.Close()
		c.mu.Lock()
		for conn := range c.conns {
			_ = conn.Close()
		}
		c.mu.Unlock()
		wg.Wait()
	})
	return c
}

// URL is the endpoint, "http://host:port"; Addr is host:port.
func (c *Capture) URL() string { return "http://" + c.addr }

// Addr is host:port.
func (c *Capture) Addr() string { return c.addr }

// NoContinue makes the server answer a request with Expect: 100-continue at once,
// without waiting for its body.
func (c *Capture) NoContinue() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.noContinue = true
}

// Take returns the requests captured since the last call.
func (c *Capture) Take() []Captured {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.requests
	c.requests = nil
	return out
}

func (c *Capture) serve(conn net.Conn) {
	defer func() {
		_ = conn.Close()
		c.mu.Lock()
		delete(c.conns, conn)
		c.mu.Unlock()
	}()
	r := bufio.NewReader(conn)
	for {
		req, err := c.read(conn, r)
		if err != nil {
			return
		}
		c.mu.Lock()
		c.requests = append(c.requests, req)
		c.mu.Unlock()
		if _, err := io.WriteString(conn, c.answer); err != nil {
			return
		}
	}
}

func (c *Capture) read(conn io.Writer, r *bufio.Reader) (Captured, error) {
	line := func() (string, error) {
		s, err := r.ReadString('\n')
		return strings.TrimSuffix(s, "\r\n"), err
	}
	var req Captured
	var err error
	if req.Line, err = line(); err != nil {
		return req, err
	}
	var found bool
	if req.Method, req.Target, found = strings.Cut(req.Line, " "); !found {
		return req, errors.New("no request line")
	}
	req.Target = strings.TrimSuffix(req.Target, " HTTP/1.1")
	for {
		h, err := line()
		if err != nil {
			return req, err
		}
		if h == "" {
			break
		}
		req.Headers = append(req.Headers, h)
	}
	c.mu.Lock()
	noContinue := c.noContinue
	c.mu.Unlock()
	if v := req.Values("Expect"); len(v) > 0 {
		if noContinue {
			return req, nil // the final answer comes before the body
		}
		if _, err := io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
			return req, err
		}
	}
	if v := req.Values("Transfer-Encoding"); len(v) > 0 {
		req.Body, err = readChunkedRaw(r)
		return req, err
	}
	if v := req.Values("Content-Length"); len(v) > 0 {
		n, err := strconv.ParseInt(v[0], 10, 64)
		if err != nil {
			return req, err
		}
		req.Body, err = io.ReadAll(io.LimitReader(r, n))
		return req, err
	}
	return req, nil
}

// readChunkedRaw reads a chunked body without decoding it.
func readChunkedRaw(r *bufio.Reader) ([]byte, error) {
	var raw []byte
	for {
		head, err := r.ReadString('\n')
		if err != nil {
			return raw, err
		}
		raw = append(raw, head...)
		n, err := strconv.ParseInt(textproto.TrimString(head), 16, 64)
		if err != nil {
			return raw, err
		}
		data, err := io.ReadAll(io.LimitReader(r, n+2))
		raw = append(raw, data...)
		if err != nil || n == 0 {
			return raw, err
		}
	}
}
