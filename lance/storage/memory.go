package storage

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// Memory is a Store over a map from path to bytes, for tests and for small things made in memory. It is safe for
// concurrent use as long as nobody changes the map.
type Memory map[string][]byte

// Open implements Store.
func (m Memory) Open(ctx context.Context, name string) (Object, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := CheckPath(name); err != nil {
		return nil, err
	}
	b, ok := m[name]
	if !ok {
		return nil, fmt.Errorf("storage: open %s: %w", name, ErrNotFound)
	}
	return NewBytes(name, b), nil
}

// List implements Store.
func (m Memory) List(ctx context.Context, folder string) ([]Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := CheckPath(folder); err != nil {
		return nil, err
	}
	prefix := folder
	if prefix != "" {
		prefix += "/"
	}
	found := map[string]Entry{}
	for name, b := range m {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		if first, _, deeper := strings.Cut(rest, "/"); deeper {
			p := path.Join(folder, first)
			found[p] = Entry{Path: p, Dir: true}
		} else {
			found[name] = Entry{Path: name, Size: int64(len(b))}
		}
	}
	entries := slices.Collect(maps.Values(found))
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	return entries, nil
}

// NewBytes returns an Object over b, which the caller must not change while the object is in use.
func NewBytes(name string, b []byte) Object { return &bytesObject{path: name, b: b} }

type bytesObject struct {
	path string
	b    []byte
}

func (o *bytesObject) Path() string { return o.path }
func (o *bytesObject) Size() int64  { return int64(len(o.b)) }
func (o *bytesObject) Close() error { return nil }

// ReadHints implements Hinter.
func (o *bytesObject) ReadHints() (maxGapBytes int64, parallel int) { return -1, 1 }

func (o *bytesObject) ReadRange(ctx context.Context, p []byte, off int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := checkRange(o, off, int64(len(p))); err != nil {
		return err
	}
	copy(p, o.b[off:])
	return nil
}
