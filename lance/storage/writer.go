package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
)

// ErrExists says that an object is there already that was to be created.
var ErrExists = errors.New("storage: object exists")

// Writer is a Store that takes objects. Implementations are safe for concurrent use.
type Writer interface {
	Store
	// Put writes one object whole: size bytes from body, neither less nor more. It replaces an object of that path, or with
	// opts.IfAbsent leaves it as it is and returns ErrExists; of many that create a path at once, one succeeds. Any other
	// error leaves open whether the object was written. Readers see all of it or nothing, and once Put has returned nil, all
	// of it. It borrows body until it returns and does not close it.
	Put(ctx context.Context, path string, body io.Reader, size int64, opts PutOptions) error
	// Delete removes an object; that there is none is no error.
	Delete(ctx context.Context, path string) error
}

// PutOptions are the options of Writer.Put.
type PutOptions struct {
	// IfAbsent writes only when there is no object of that path.
	IfAbsent bool
}

// WriteFile puts the bytes of b as one object.
func WriteFile(ctx context.Context, w Writer, path string, b []byte, opts PutOptions) error {
	return w.Put(ctx, path, bytes.NewReader(b), int64(len(b)), opts)
}

// SubWriter returns a Writer whose root is the folder of w, as Sub does for a Store.
func SubWriter(w Writer, folder string) (Writer, error) {
	if parent, ok := w.(*subWriter); ok {
		w, folder = parent.w, path.Join(parent.folder, folder)
	}
	s, err := Sub(w, folder)
	if err != nil {
		return nil, err
	}
	if folder == "" {
		return w, nil
	}
	return &subWriter{Store: s, w: w, folder: folder}, nil
}

// subWriter is a Sub that passes writes on.
type subWriter struct {
	Store
	w      Writer
	folder string
}

var _ SizedOpener = (*subWriter)(nil)

func (s *subWriter) OpenSized(ctx context.Context, name string, size int64) (Object, error) {
	return OpenSized(ctx, s.Store, name, size)
}

func (s *subWriter) Put(ctx context.Context, name string, body io.Reader, size int64, opts PutOptions) error {
	if err := CheckObjectPath(name); err != nil {
		return err
	}
	return s.w.Put(ctx, path.Join(s.folder, name), body, size, opts)
}

func (s *subWriter) Delete(ctx context.Context, name string) error {
	if err := CheckObjectPath(name); err != nil {
		return err
	}
	return s.w.Delete(ctx, path.Join(s.folder, name))
}

// CheckObjectPath reports ErrPath unless p can name an object: a clean relative path that is not the root.
func CheckObjectPath(p string) error {
	if p == "" {
		return fmt.Errorf("%w: no name", ErrPath)
	}
	return CheckPath(p)
}

// errBodySize says that a body has not the length that was promised.
var errBodySize = errors.New("storage: body has another size than was said")

// copyBody copies exactly size bytes from body, looking at the context between pieces.
func copyBody(ctx context.Context, dst io.Writer, body io.Reader, size int64) error {
	n, err := io.Copy(dst, &contextReader{ctx, io.LimitReader(body, size)})
	if err != nil {
		return err
	}
	if n != size {
		return fmt.Errorf("%w: %d bytes of %d", errBodySize, n, size)
	}
	var one [1]byte
	if _, err := io.ReadFull(body, one[:]); err == nil {
		return fmt.Errorf("%w: more than %d bytes", errBodySize, size)
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	return ctx.Err()
}

// contextReader ends with the context's error once that is done.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r *contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
