package origin

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// errClosed is what a Read after Close says.
var errClosed = errors.New("origin: body is closed")

// An objectBody is the body of a Get: one stream of bytes over one or more
// answers of the origin.
type objectBody struct {
	g    *getter
	skip int64 // bytes of the current answer still to drop
	// exact: the current answer ends where the part ends, and is seen to. Not so
	// for a part cut out of the middle of a 200.
	exact bool
	err   error // sticky; io.EOF at the end

	mu     sync.Mutex
	cur    io.ReadCloser // Guarded by mu; nil between answers
	closed bool          // Guarded by mu
}

func newObjectBody(g *getter, body io.ReadCloser, a answer) *objectBody {
	return &objectBody{g: g, cur: body, skip: a.skip, exact: a.exact}
}

func (b *objectBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	for {
		n, err := b.read(p)
		switch {
		case err == nil && n > 0:
			return n, nil
		case err == io.EOF:
			return n, b.fail(io.EOF)
		case err == nil:
		case b.isClosed():
			return 0, b.fail(errClosed)
		default:
			if err = b.resume(err); err != nil {
				return 0, b.fail(fmt.Errorf("read %s/%q at %d: %w", b.g.req.Bucket, b.g.req.Key, b.g.pos, err))
			}
		}
	}
}

// read takes bytes from the current answer. An error other than io.EOF, which is
// the end of the part, means that the current answer is of no more use.
func (b *objectBody) read(p []byte) (int, error) {
	g := b.g
	if g.pos == g.end {
		return 0, io.EOF
	}
	cur := b.current()
	if cur == nil {
		return 0, errClosed
	}
	if b.skip > 0 {
		n, err := io.CopyN(io.Discard, cur, b.skip)
		b.skip -= n
		if err != nil {
			return 0, endedEarly(err)
		}
	}
	if left := g.end - g.pos; int64(len(p)) > left {
		p = p[:left]
	}
	n, err := cur.Read(p)
	if int64(n) == g.end-g.pos && b.exact && err != io.EOF {
		if err == nil {
			err = expectEOF(cur)
		}
		if err != nil {
			return 0, err // the bytes of p are fetched again, or never reported
		}
	}
	g.pos += int64(n)
	g.budget.earn(int64(n))
	if g.pos == g.end {
		b.drop()
		return n, nil
	}
	if n > 0 {
		return n, nil // an error comes again with the next read
	}
	return 0, endedEarly(err)
}

// expectEOF reports whether body ends here: nil, or an error.
func expectEOF(body io.Reader) error {
	var extra [1]byte
	for {
		n, err := body.Read(extra[:])
		switch {
		case n > 0:
			return fmt.Errorf("%w: more bytes than it said", ErrCorrupt)
		case err == io.EOF:
			return nil
		case err != nil:
			return endedEarly(err)
		}
	}
}

// endedEarly turns the end of an answer before its time into an error that says
// so; nil stays nil.
func endedEarly(err error) error {
	switch {
	case err == io.EOF:
		return fmt.Errorf("%w: %w", ErrCorrupt, errTruncated)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: %w", errTruncated, err)
	}
	return err
}

// resume replaces an answer that failed with cause by one that continues at pos.
func (b *objectBody) resume(cause error) error {
	g := b.g
	b.drop()
	if errors.Is(cause, ErrCorrupt) && !errors.Is(cause, errTruncated) {
		return cause
	}
	if !strongETag(g.etag) {
		return cause
	}
	if err := g.budget.next(g.ctx, cause); err != nil {
		return err
	}
	body, a, err := g.reopen()
	if err != nil {
		return err
	}
	b.skip, b.exact = a.skip, a.exact
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		_ = body.Close()
		return errClosed
	}
	b.cur = body
	return nil
}

// fail makes err sticky. The caller's Close ends the context of the Get, which is
// then not what went wrong.
func (b *objectBody) fail(err error) error {
	b.drop()
	if err != io.EOF && b.isClosed() {
		err = errClosed
	}
	b.err = err
	return err
}

func (b *objectBody) current() io.ReadCloser {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cur
}

func (b *objectBody) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

// drop closes the current answer.
func (b *objectBody) drop() {
	b.mu.Lock()
	cur := b.cur
	b.cur = nil
	b.mu.Unlock()
	if cur != nil {
		_ = cur.Close()
	}
}

// Close ends the Get, also one whose Read is under way.
func (b *objectBody) Close() error {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.g.cancel()
	b.drop()
	return nil
}
