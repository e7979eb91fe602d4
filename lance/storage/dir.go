package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// Dir is a Store over a directory of the local file system. Paths cannot leave it, not even through symbolic links.
type Dir struct {
	root *os.Root
}

// NewDir opens the directory name. The caller closes the Dir after the objects opened from it.
func NewDir(name string) (*Dir, error) {
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("storage: open directory: %w", err)
	}
	return &Dir{root: root}, nil
}

// Close releases the directory.
func (d *Dir) Close() error { return d.root.Close() }

// Open implements Store.
func (d *Dir) Open(ctx context.Context, name string) (Object, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := CheckPath(name); err != nil {
		return nil, err
	}
	if isStaging(path.Base(name)) {
		return nil, wrapOS("open", name, fs.ErrNotExist)
	}
	f, err := d.root.Open(name)
	if err != nil {
		return nil, wrapOS("open", name, err)
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("%w: not a regular file", ErrNotFound)
	}
	if err != nil {
		_ = f.Close()
		return nil, wrapOS("open", name, err)
	}
	return &file{f: f, path: name, size: st.Size()}, nil
}

// List implements Store.
func (d *Dir) List(ctx context.Context, folder string) ([]Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := CheckPath(folder); err != nil {
		return nil, err
	}
	name := folder
	if name == "" {
		name = "."
	}
	f, err := d.root.Open(name)
	if notThere(err) {
		return nil, nil
	}
	if err != nil {
		return nil, wrapOS("list", folder, err)
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil {
		return nil, wrapOS("list", folder, err)
	} else if !st.IsDir() {
		return nil, nil
	}
	des, err := f.ReadDir(-1)
	if err != nil {
		return nil, wrapOS("list", folder, err)
	}
	entries := make([]Entry, 0, len(des))
	for _, de := range des {
		if isStaging(de.Name()) {
			continue
		}
		e := Entry{Path: path.Join(folder, de.Name()), Dir: de.IsDir()}
		if !e.Dir {
			info, err := de.Info()
			if err == nil && info.Mode()&fs.ModeSymlink != 0 {
				// What the link leads to is what Open opens. One that leads nowhere, or out of the root, is nothing.
				if info, err = d.root.Stat(e.Path); err != nil {
					continue
				}
			}
			if notThere(err) {
				continue // removed since the listing
			}
			if err != nil {
				return nil, wrapOS("list", folder, err)
			}
			if e.Dir = info.IsDir(); !e.Dir {
				e.Size = info.Size()
			}
		}
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	return entries, nil
}

// file is an Object over an open file.
type file struct {
	f     *os.File
	path  string
	size  int64
	close sync.Once
}

func (o *file) Path() string { return o.path }
func (o *file) Size() int64  { return o.size }

// ReadHints implements Hinter: a read costs a system call, so gaps are worth little, and the kernel reads ahead by itself.
func (o *file) ReadHints() (maxGapBytes int64, parallel int) { return 4 << 10, 1 }

func (o *file) ReadRange(ctx context.Context, p []byte, off int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := checkRange(o, off, int64(len(p))); err != nil {
		return err
	}
	if len(p) == 0 {
		return nil
	}
	if _, err := o.f.ReadAt(p, off); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // the file was cut since it was opened; nobody shall take that for an end
		}
		return fmt.Errorf("storage: read %d bytes at %d of %s: %w", len(p), off, o.path, err)
	}
	return nil
}

func (o *file) Close() error {
	var err error
	o.close.Do(func() { err = o.f.Close() })
	return err
}

// notThere says whether an error means that there is nothing at a path, be it because what should be a folder on the way is none.
func notThere(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

func wrapOS(op, name string, err error) error {
	if notThere(err) {
		return fmt.Errorf("storage: %s %s: %w", op, name, ErrNotFound)
	}
	return fmt.Errorf("storage: %s %s: %w", op, name, err)
}
