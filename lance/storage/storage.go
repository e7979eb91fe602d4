package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

var (
	// ErrNotFound says that no object or folder has the given path.
	ErrNotFound = errors.New("storage: not found")
	// ErrRange says that a read reaches outside its object.
	ErrRange = errors.New("storage: range outside the object")
	// ErrPath says that a path is not a clean relative path, or leaves the root.
	ErrPath = errors.New("storage: invalid path")
)

// Store opens and lists objects. Paths are relative to the store's root, clean and slash-separated, without a leading
// slash; "" is the root itself (for List). Implementations are safe for concurrent use.
type Store interface {
	// Open finds the object and learns its size. It returns ErrNotFound when there is none. The caller closes it.
	Open(ctx context.Context, path string) (Object, error)
	// List returns what lies directly below the folder, sorted by path: objects, and folders that hold something. A
	// folder that does not exist is empty, as on an object store.
	List(ctx context.Context, folder string) ([]Entry, error)
}

// Object is one immutable sequence of bytes. It is safe for concurrent reads.
type Object interface {
	// Path is the object's path in the store that opened it, for messages.
	Path() string
	// Size is the length in bytes, fixed when the object was opened.
	Size() int64
	// ReadRange fills p with the bytes from off on. It fills all of p or returns an error; a range that reaches past the
	// end is ErrRange. It borrows p until it returns.
	ReadRange(ctx context.Context, p []byte, off int64) error
	// Close releases the object. Later calls return nil.
	Close() error
}

// Entry is one line of a listing.
type Entry struct {
	// Path is relative to the root of the store. Folders have no trailing slash.
	Path string
	// Size is the object's length in bytes, 0 for a folder.
	Size int64
	// Dir says that the entry is a folder.
	Dir bool
}

// Name is the last element of the entry's path.
func (e Entry) Name() string { return path.Base(e.Path) }

// SizedOpener is an optional capability of a Store: opening an object whose size is already known (a listing or a
// manifest said so) without asking for it again.
type SizedOpener interface {
	// OpenSized opens path as an object of size bytes. A wrong size or a missing object may show only at the first read.
	OpenSized(ctx context.Context, path string, size int64) (Object, error)
}

// OpenSized opens path, using the store's SizedOpener when it has one and size is positive.
func OpenSized(ctx context.Context, s Store, path string, size int64) (Object, error) {
	if so, ok := s.(SizedOpener); ok && size > 0 {
		return so.OpenSized(ctx, path, size)
	}
	return s.Open(ctx, path)
}

// ReadAll reads a whole object of at most limit bytes into new memory. A larger object is an error before anything is
// allocated.
func ReadAll(ctx context.Context, obj Object, limit int64) ([]byte, error) {
	if obj.Size() > limit {
		return nil, fmt.Errorf("storage: %s has %d bytes, at most %d are read whole", obj.Path(), obj.Size(), limit)
	}
	p := make([]byte, obj.Size())
	if len(p) == 0 {
		return p, nil
	}
	if err := obj.ReadRange(ctx, p, 0); err != nil {
		return nil, err
	}
	return p, nil
}

// ReadFile opens path, reads it whole (at most limit bytes) and closes it.
func ReadFile(ctx context.Context, s Store, path string, limit int64) ([]byte, error) {
	obj, err := s.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	defer obj.Close()
	return ReadAll(ctx, obj, limit)
}

// CheckPath reports ErrPath unless p is a clean relative path ("" is allowed: the root).
func CheckPath(p string) error {
	if p == "" {
		return nil
	}
	if p == "." || !fs.ValidPath(p) || strings.Contains(p, "\x00") {
		return fmt.Errorf("%w: %q", ErrPath, p)
	}
	return nil
}

// checkRange returns ErrRange unless n bytes from off on lie inside obj.
func checkRange(obj Object, off, n int64) error {
	if off < 0 || n < 0 || off > obj.Size() || n > obj.Size()-off {
		return fmt.Errorf("read %d bytes at %d of %s (%d bytes): %w", n, off, obj.Path(), obj.Size(), ErrRange)
	}
	return nil
}
