package objectstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/proxy/object"
)

// What reads cost: those of resident pages next to nothing, others a request. A gap of less than a page is fetched with
// its neighbours anyway.
const (
	maxGapBytes = 64 << 10
	parallel    = 16
)

// file is one version of an object.
type file struct {
	store       *Store
	path        string
	bucket, key string
	size        int64
	etag        string
	whole       []byte // all of it, nil if it is read by ranges
}

func (f *file) Path() string { return f.path }
func (f *file) Size() int64  { return f.size }
func (f *file) Close() error { return nil }

// HeldBytes implements storage.Holder.
func (f *file) HeldBytes() int64 { return int64(cap(f.whole)) }

// ReadHints implements storage.Hinter.
func (f *file) ReadHints() (int64, int) { return maxGapBytes, parallel }

// get asks the service and counts how it answered. The caller closes the object.
func (f *file) get(ctx context.Context, r object.Range) (*object.Object, error) {
	o, err := f.store.objects.Get(ctx, object.Request{Bucket: f.bucket, Key: f.key, Range: r})
	if err != nil {
		return nil, err
	}
	countOf(ctx).answered(o.Outcome)
	return o, nil
}

// bind takes over what an answer says of the object.
func (f *file) bind(o *object.Object) error {
	if o.Facts.Size < 0 {
		return fmt.Errorf("%w: the answer does not say the size", origin.ErrCorrupt)
	}
	f.size, f.etag = o.Facts.Size, o.Facts.ETag
	return nil
}

// openTail opens an object that does not change by its last bytes. A small one is kept; the pages of another are in the
// cache now.
func (f *file) openTail(ctx context.Context) error {
	o, err := f.get(ctx, object.Range{Kind: object.RangeSuffix, First: tailBytes})
	if errors.Is(err, object.ErrForward) { // it is empty
		return f.openWhole(ctx)
	}
	if err != nil {
		return err
	}
	defer func() { _ = o.Close() }()
	if err := f.bind(o); err != nil {
		return err
	}
	if f.size == 0 || o.Body == nil { // not satisfiable
		f.whole = []byte{}
		return nil
	}
	if o.Offset == 0 && o.Length == f.size {
		f.whole, err = readBody(o, make([]byte, f.size))
		return err
	}
	for { // to its end: what is left early is not fetched
		if _, err := o.Body.Next(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// openWhole opens an object with all its bytes, unless it is large.
func (f *file) openWhole(ctx context.Context) error {
	o, err := f.get(ctx, object.Range{})
	if err != nil {
		return err
	}
	defer func() { _ = o.Close() }()
	if err := f.bind(o); err != nil {
		return err
	}
	if f.size > MaxWholeBytes {
		return nil
	}
	f.whole, err = readBody(o, make([]byte, f.size))
	return err
}

// readBody fills p, which is as long as the answer.
func readBody(o *object.Object, p []byte) ([]byte, error) {
	if int64(len(p)) != o.Length || o.Body == nil && len(p) > 0 {
		return nil, fmt.Errorf("%w: an answer of %d bytes instead of %d", origin.ErrCorrupt, o.Length, len(p))
	}
	for rest := p; len(rest) > 0; {
		part, err := o.Body.Next()
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		rest = rest[copy(rest, part):]
	}
	return p, nil
}

// ReadRange implements storage.Object.
func (f *file) ReadRange(ctx context.Context, p []byte, off int64) error {
	n := int64(len(p))
	if off < 0 || off > f.size || n > f.size-off {
		return fmt.Errorf("objectstore: read %d bytes at %d of s3://%s (%d bytes): %w", n, off, f.path, f.size, storage.ErrRange)
	}
	if err := ctx.Err(); err != nil || n == 0 {
		return err
	}
	if f.whole != nil {
		copy(p, f.whole[off:])
		return nil
	}
	if err := f.readRange(ctx, p, off); err != nil {
		return wrap(fmt.Sprintf("read %d bytes at %d of", n, off), f.path, err)
	}
	return nil
}

func (f *file) readRange(ctx context.Context, p []byte, off int64) error {
	o, err := f.get(ctx, object.Range{Kind: object.RangeClosed, First: off, Last: off + int64(len(p)) - 1})
	if err != nil {
		return err
	}
	defer func() { _ = o.Close() }()
	if o.Facts.ETag != f.etag || o.Facts.Size >= 0 && o.Facts.Size != f.size {
		return fmt.Errorf("%w: it was %s of %d bytes", object.ErrChanged, f.etag, f.size)
	}
	if o.Status != http.StatusPartialContent && o.Status != http.StatusOK || o.Offset != off {
		return fmt.Errorf("%w: status %d, bytes from %d on", origin.ErrCorrupt, o.Status, o.Offset)
	}
	countOf(ctx).read(len(p))
	_, err = readBody(o, p)
	return err
}
