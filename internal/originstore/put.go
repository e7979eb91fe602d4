package originstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/lance/storage"
)

const (
	// singleBytes is the largest object that is put with one request; S3 itself takes up to 5 GiB so.
	singleBytes = 64 << 20
	// partBytes is the least size of a part of a larger one: 10,000 of them are 156 GiB.
	partBytes = 16 << 20
	maxParts  = 10000
)

var _ storage.Writer = (*Store)(nil)

// Put implements storage.Writer: one PUT, with If-None-Match where the object must not be there, or a multipart upload from
// 64 MiB on. Nothing is tried twice: an error leaves open whether the object was written, and body cannot be read again.
func (s *Store) Put(ctx context.Context, name string, body io.Reader, size int64, opts storage.PutOptions) error {
	if err := storage.CheckObjectPath(name); err != nil {
		return err
	}
	key, err := s.key(name)
	if err != nil {
		return err
	}
	return Sender{s.client, s.single, s.part}.Put(ctx, s.bucket, key, body, size, opts)
}

// Writes is what a Sender needs of an origin. *origin.Client and origin.Writes have it.
type Writes interface {
	Put(ctx context.Context, bucket, key string, body io.Reader, size int64, h http.Header) (origin.PutResult, error)
	PutMultipart(ctx context.Context, bucket, key string, body io.Reader, size, partBytes int64, h http.Header) (origin.PutResult, error)
	Delete(ctx context.Context, bucket, key string, h http.Header) error
}

// Sender writes objects as a storage.Writer has to, whichever way the requests go.
type Sender struct {
	writes Writes
	// single and part are singleBytes and partBytes, but in tests.
	single, part int64
}

// NewSender returns a Sender by some writes, which it borrows.
func NewSender(w Writes) Sender { return Sender{w, singleBytes, partBytes} }

// WithParts returns a Sender that sends what is longer than single bytes in parts of at least part bytes.
func (s Sender) WithParts(single, part int64) Sender { return Sender{s.writes, single, part} }

// Put is the Put of a storage.Writer, for a bucket and a key.
func (s Sender) Put(ctx context.Context, bucket, key string, body io.Reader, size int64, opts storage.PutOptions) (err error) {
	h := http.Header{}
	if opts.IfAbsent {
		h.Set("If-None-Match", "*")
	}
	exact := &exactReader{r: body, left: size}
	if size > s.single {
		_, err = s.writes.PutMultipart(ctx, bucket, key, exact, size, max(s.part, (size+maxParts-1)/maxParts), h)
	} else {
		_, err = s.writes.Put(ctx, bucket, key, exact, size, h)
	}
	if err == nil {
		return nil
	}
	if opts.IfAbsent && errors.Is(err, origin.ErrChanged) {
		return fmt.Errorf("originstore: s3://%s/%s: %w: %w", bucket, key, storage.ErrExists, err)
	}
	return fmt.Errorf("originstore: %w", err)
}

// Delete is the Delete of a storage.Writer, for a bucket and a key.
func (s Sender) Delete(ctx context.Context, bucket, key string) error {
	if err := s.writes.Delete(ctx, bucket, key, nil); err != nil && !errors.Is(err, origin.ErrNotFound) {
		return fmt.Errorf("originstore: %w", err)
	}
	return nil
}

// Delete implements storage.Writer with one DELETE.
func (s *Store) Delete(ctx context.Context, name string) error {
	if err := storage.CheckObjectPath(name); err != nil {
		return err
	}
	key, err := s.key(name)
	if err != nil {
		return err
	}
	return NewSender(s.client).Delete(ctx, s.bucket, key)
}

// errBody says that a body has not the length that was promised.
var errBody = errors.New("originstore: body has another size than was said")

// exactReader gives exactly so many bytes. Before it gives the last of them it has seen that there are no more, so that a
// body that is too long fails the request instead of being cut.
type exactReader struct {
	r    io.Reader
	left int64
}

func (e *exactReader) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, e.end()
	}
	if int64(len(p)) > e.left {
		p = p[:e.left]
	}
	n, err := e.r.Read(p)
	e.left -= int64(n)
	switch {
	case err == io.EOF && e.left > 0:
		return n, fmt.Errorf("%w: %d bytes are missing", errBody, e.left)
	case e.left == 0 && (err == nil || err == io.EOF):
		if err := e.end(); err != io.EOF {
			return 0, err
		}
		return n, nil
	}
	return n, err
}

// end is io.EOF when the body ends here.
func (e *exactReader) end() error {
	var one [1]byte
	switch n, err := io.ReadFull(e.r, one[:]); {
	case n > 0:
		return fmt.Errorf("%w: there are more", errBody)
	case err == io.EOF:
		return io.EOF
	default:
		return err
	}
}
