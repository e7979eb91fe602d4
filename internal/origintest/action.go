package origintest

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

type actionKind uint8

const (
	actNone actionKind = iota
	actReset
	actTruncate
	actStall
	actStatus
)

// An Action is what goes wrong with one answer. The zero value is nothing.
// Combine actions with [Action.And].
type Action struct {
	kind  actionKind
	after int           // body bytes sent before it happens; -1: not even the header
	delay time.Duration // before anything is sent
	until <-chan struct{}

	status     int
	code       string
	retryAfter int

	lengthDelta   int64
	extra         []byte
	chunked       bool
	wholeForRange bool
	contentRange  *string
	ignoreIfMatch bool
	header        http.Header
	do            func()
}

func (a Action) zero() bool {
	return a.kind == actNone && a.delay == 0 && a.lengthDelta == 0 && a.extra == nil && !a.chunked &&
		!a.wholeForRange && a.contentRange == nil && !a.ignoreIfMatch && a.header == nil && a.do == nil
}

// Reset cuts the connection without an answer.
func Reset() Action { return Action{kind: actReset, after: -1} }

// ResetAfter resets the connection after the header and n body bytes.
func ResetAfter(n int) Action { return Action{kind: actReset, after: n} }

// Truncate closes the connection in good order after the header, which promises
// everything, and n body bytes.
func Truncate(n int) Action { return Action{kind: actTruncate, after: n} }

// Stall sends the header and n body bytes and then nothing until the channel is
// closed (nil: until the test ends), when it sends the rest. With n negative not
// even the header is sent before.
func Stall(n int, until <-chan struct{}) Action {
	return Action{kind: actStall, after: n, until: until}
}

// Status answers an S3 error instead.
func Status(status int, code string) Action {
	return Action{kind: actStatus, status: status, code: code}
}

// RetryAfter is Status with a Retry-After header.
func RetryAfter(status int, code string, seconds int) Action {
	return Action{kind: actStatus, status: status, code: code, retryAfter: seconds}
}

// Delay waits before anything is sent.
func Delay(d time.Duration) Action { return Action{delay: d} }

// WrongLength adds delta to Content-Length; the body stays what it is, and the
// connection is closed after it.
func WrongLength(delta int64) Action { return Action{lengthDelta: delta} }

// Extra sends more bytes after the body's proper end.
func Extra(extra []byte) Action { return Action{extra: extra} }

// Chunked sends the body with Transfer-Encoding: chunked and no Content-Length.
func Chunked() Action { return Action{chunked: true} }

// WholeForRange answers a ranged GET with 200 and the whole object.
func WholeForRange() Action { return Action{wholeForRange: true} }

// ContentRange replaces the Content-Range header; empty removes it.
func ContentRange(value string) Action { return Action{contentRange: &value} }

// IgnoreIfMatch answers as if If-Match had not been sent.
func IgnoreIfMatch() Action { return Action{ignoreIfMatch: true} }

// WithHeader sets headers of the answer; an empty value removes one.
func WithHeader(h http.Header) Action { return Action{header: h} }

// Swap sends n body bytes of the object and resets the connection, with the
// object replaced by then.
func Swap(s *Server, n int, bucket, key string, data []byte) Action {
	return ResetAfter(n).And(Do(func() { s.Put(bucket, key, data) }))
}

// Do calls f after the answer has been made up, before it is sent.
func Do(f func()) Action { return Action{do: f} }

// And joins two actions; what the second sets wins.
func (a Action) And(b Action) Action {
	if b.kind != actNone {
		a.kind, a.after, a.until = b.kind, b.after, b.until
		a.status, a.code, a.retryAfter = b.status, b.code, b.retryAfter
	}
	if b.delay != 0 {
		a.delay = b.delay
	}
	if b.lengthDelta != 0 {
		a.lengthDelta = b.lengthDelta
	}
	if b.extra != nil {
		a.extra = b.extra
	}
	if b.contentRange != nil {
		a.contentRange = b.contentRange
	}
	if b.header != nil {
		a.header = b.header
	}
	if b.do != nil {
		a.do = b.do
	}
	a.chunked = a.chunked || b.chunked
	a.wholeForRange = a.wholeForRange || b.wholeForRange
	a.ignoreIfMatch = a.ignoreIfMatch || b.ignoreIfMatch
	return a
}

// A Rule applies an Action to some of the requests.
type Rule struct {
	// Match picks requests; nil picks all.
	Match Match
	// Nth picks the n-th of those, from 1, counted from Inject; 0 picks every one.
	Nth int
	// Probability, if not 0, picks each with that chance, from the server's seed.
	Probability float64
	// Action is what happens to it.
	Action Action
}

type ruleState struct {
	Rule
	seen int
}

// Inject adds a rule. The first rule that applies to a request wins.
func (s *Server) Inject(r Rule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = append(s.rules, &ruleState{Rule: r})
}

// pickLocked counts the request for every rule it matches.
func (s *Server) pickLocked(r *Recorded) Action {
	var picked Action
	for _, rule := range s.rules {
		if rule.Match != nil && !rule.Match(r) {
			continue
		}
		rule.seen++
		if rule.Nth != 0 && rule.seen != rule.Nth {
			continue
		}
		if rule.Probability != 0 && s.rng.Float64() >= rule.Probability {
			continue
		}
		if picked.zero() {
			picked = rule.Action
		}
	}
	return picked
}

// A reply is an answer before it is sent.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// send writes the reply as the action wants it.
func (s *Server) send(w http.ResponseWriter, r *http.Request, rep *reply, a Action) {
	for name, values := range a.header {
		rep.header.Del(name)
		if len(values) > 0 && values[0] != "" {
			rep.header[name] = values
		}
	}
	if a.contentRange != nil && rep.status == http.StatusPartialContent {
		rep.header.Del("Content-Range")
		if *a.contentRange != "" {
			rep.header.Set("Content-Range", *a.contentRange)
		}
	}
	if a.do != nil {
		a.do()
	}
	if a.kind == actNone && a.lengthDelta == 0 && a.extra == nil {
		s.sendWell(w, r, rep, a.chunked)
		return
	}
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer func() { _ = conn.Close() }()
	s.sendRaw(r, conn, rw.Writer, rep, a)
}

func (s *Server) sendWell(w http.ResponseWriter, r *http.Request, rep *reply, chunked bool) {
	h := w.Header()
	for name, values := range rep.header {
		h[name] = values
	}
	if !chunked && rep.status != http.StatusNotModified && rep.status != http.StatusNoContent {
		h.Set("Content-Length", strconv.Itoa(len(rep.body)))
	}
	w.WriteHeader(rep.status)
	if r.Method == http.MethodHead || len(rep.body) == 0 {
		return
	}
	if chunked {
		_ = http.NewResponseController(w).Flush()
	}
	_, _ = w.Write(rep.body)
}

// sendRaw writes bytes to the connection itself.
func (s *Server) sendRaw(r *http.Request, conn net.Conn, w *bufio.Writer, rep *reply, a Action) {
	stall := func() {
		_ = w.Flush()
		select {
		case <-a.until: // nil blocks
		case <-s.stop:
		}
	}
	if a.after < 0 {
		switch a.kind {
		case actReset:
			reset(conn)
			return
		case actStall:
			stall()
		}
	}
	body := rep.body
	if r.Method == http.MethodHead {
		body = nil
	}
	rep.header.Set("Connection", "close")
	if a.chunked {
		rep.header.Set("Transfer-Encoding", "chunked")
	} else {
		rep.header.Set("Content-Length", strconv.FormatInt(int64(len(rep.body))+a.lengthDelta, 10))
	}
	_, _ = fmt.Fprintf(w, "HTTP/1.1 %d %s\r\n", rep.status, http.StatusText(rep.status))
	_ = rep.header.Write(w)
	_, _ = w.WriteString("\r\n")

	before := body
	if a.kind != actNone && a.after >= 0 && a.after < len(body) {
		before = body[:a.after]
	}
	s.writePart(w, before, a.chunked)
	switch a.kind {
	case actReset:
		_ = w.Flush()
		reset(conn)
		return
	case actTruncate:
		_ = w.Flush()
		return
	case actStall:
		if a.after >= 0 {
			stall()
		}
	}
	s.writePart(w, body[len(before):], a.chunked)
	s.writePart(w, a.extra, a.chunked)
	if a.chunked {
		_, _ = w.WriteString("0\r\n\r\n")
	}
	_ = w.Flush()
}

func (s *Server) writePart(w *bufio.Writer, p []byte, chunked bool) {
	if len(p) == 0 {
		return
	}
	if !chunked {
		_, _ = w.Write(p)
		return
	}
	_, _ = fmt.Fprintf(w, "%x\r\n", len(p))
	_, _ = w.Write(p)
	_, _ = w.WriteString("\r\n")
}

// reset makes the kernel send RST instead of FIN where there is one.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
