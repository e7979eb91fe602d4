package proxy

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

const (
	// bodyPatience is how long a client may make Hearth wait for each progressBytes of a
	// body, or for the rest of it: a kilobyte a second, which the slowest link manages, and
	// a client that sends a byte now and then does not. Only waiting counts, so that a
	// slow origin is nobody's fault.
	bodyPatience  = time.Minute
	progressBytes = 64 << 10
)

// A progressBody reads the body of a request and fails if it comes too slowly.
type progressBody struct {
	io.ReadCloser
	deadline func(time.Time) error // sets that of the connection's reads; zero is none
	now      func() time.Time

	patience time.Duration // for each progressBytes
	left     time.Duration // of it
	got      int           // of them

	slow atomic.Bool // it has failed
}

// tooSlow reports whether the body of r has come too slowly. The server takes that for the
// end of the connection and ends the request's context, though it can still be answered.
func tooSlow(r *http.Request) bool {
	b, ok := r.Body.(*progressBody)
	return ok && b.slow.Load()
}

// watchBody makes the body of r fail if it comes too slowly. What nobody reads of it the
// server does, so that it can answer, and does not wait longer either.
func watchBody(w http.ResponseWriter, r *http.Request, patience time.Duration) {
	if r.ContentLength == 0 || r.Body == nil {
		return
	}
	b := &progressBody{
		ReadCloser: r.Body, deadline: http.NewResponseController(w).SetReadDeadline, now: time.Now,
		patience: patience, left: patience,
	}
	_ = b.deadline(b.now().Add(patience)) // a writer without deadlines, in tests, has no connection to wait for
	r.Body = b
}

func (b *progressBody) Read(p []byte) (int, error) {
	begin := b.now()
	_ = b.deadline(begin.Add(b.left))
	n, err := b.ReadCloser.Read(p)
	b.left -= b.now().Sub(begin)
	if b.got += n; b.got >= progressBytes {
		b.got, b.left = 0, b.patience
	}
	switch {
	case err == io.EOF:
		_ = b.deadline(time.Time{}) // the server goes on to read, to notice a client that leaves
	case errors.Is(err, os.ErrDeadlineExceeded):
		b.slow.Store(true)
		err = errTooSlow // the deadline stays, for what the server does with the rest
	}
	return n, err
}

// errTooSlow is what S3 says to those who do not send what they announced.
var errTooSlow = failure(http.StatusBadRequest, "RequestTimeout",
	"Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed.")
