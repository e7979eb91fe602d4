package object

import (
	"errors"
	"io"

	"github.com/hearthcache/hearth/pagecache"
)

// A Body delivers the bytes of an answer in order. It is for one goroutine and
// must be closed.
type Body struct {
	first []byte // primed: borrowed from pages until the next Next
	pages *pagecache.Reader

	rest []byte // of what Next returned to Read

	stream io.ReadCloser // instead of pages: straight from the origin
	buf    []byte
}

// streamBuffer is how much of a stream Next reads at once.
const streamBuffer = 64 << 10

// prime waits for the first bytes, so that what goes wrong before them is known
// before an answer begins.
func (b *Body) prime() error {
	p, err := b.pages.Next()
	if err == io.EOF {
		return nil
	}
	b.first = p
	return err
}

// Next returns the next bytes, borrowed until the following call, or io.EOF.
func (b *Body) Next() ([]byte, error) {
	if b.stream != nil {
		if b.buf == nil {
			b.buf = make([]byte, streamBuffer)
		}
		n, err := b.stream.Read(b.buf)
		if n > 0 {
			return b.buf[:n], nil
		}
		return nil, err
	}
	if p := b.first; p != nil {
		b.first = nil
		return p, nil
	}
	p, err := b.pages.Next()
	return p, translate(err)
}

// batchBytes is about how much NextBatch hands out: a client that is slow to read it keeps
// it from being evicted meanwhile.
const batchBytes = 1 << 20

// NextBatch appends to dst, which has room, the next bytes and those behind them that need
// no waiting for, as far as there is room. They are borrowed until the following call. At
// the end it returns io.EOF.
func (b *Body) NextBatch(dst [][]byte) ([][]byte, error) {
	p, err := b.Next()
	if err != nil {
		return dst, err
	}
	dst = append(dst, p)
	if b.stream == nil {
		dst = b.pages.More(dst, batchBytes-int64(len(p)))
	}
	return dst, nil
}

// Read implements io.Reader, with a copy that the other methods do without.
func (b *Body) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		var err error
		if b.rest, err = b.Next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// WriteTo writes all that is left to w.
func (b *Body) WriteTo(w io.Writer) (int64, error) {
	var written int64
	for {
		p, err := b.Next()
		if err == io.EOF {
			return written, nil
		}
		if err != nil {
			return written, err
		}
		n, err := w.Write(p)
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
}

// Close releases pages and connections. It may be called twice.
func (b *Body) Close() error {
	if b.stream != nil {
		return b.stream.Close()
	}
	return b.pages.Close()
}

// translate puts the page cache's errors into this package's words.
func translate(err error) error {
	if errors.Is(err, pagecache.ErrChanged) {
		return errors.Join(ErrChanged, err)
	}
	return err
}
