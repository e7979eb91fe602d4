package storage

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

var _ Writer = (*Dir)(nil)

// Objects are written under a name of this form beside their place, and appear under their own name when they are whole.
const (
	stagingPrefix = ".put-"
	stagingSuffix = ".tmp"
)

// isStaging says whether a file name is that of an object being written. Such files are no objects.
func isStaging(name string) bool {
	return strings.HasPrefix(name, stagingPrefix) && strings.HasSuffix(name, stagingSuffix)
}

// Put implements Writer. The bytes and the name are on the disk when it returns. What a crash leaves half written is a file
// that no listing shows; it takes the place of no object.
func (d *Dir) Put(ctx context.Context, name string, body io.Reader, size int64, opts PutOptions) error {
	if err := CheckObjectPath(name); err != nil {
		return err
	}
	if isStaging(path.Base(name)) {
		return fmt.Errorf("%w: %q is a name of files being written", ErrPath, name)
	}
	if err := d.put(ctx, name, body, size, opts); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("storage: put %s: %w", name, ErrExists)
		}
		return fmt.Errorf("storage: put %s: %w", name, err)
	}
	return nil
}

func (d *Dir) put(ctx context.Context, name string, body io.Reader, size int64, opts PutOptions) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if opts.IfAbsent {
		// Most losers of a race are known before anything is written.
		if _, err := d.root.Lstat(name); err == nil {
			return fs.ErrExist
		}
	}
	folder := path.Dir(name)
	if err := d.makeFolder(folder); err != nil {
		return err
	}
	tmp := path.Join(folder, stagingPrefix+rand.Text()+stagingSuffix)
	f, err := d.root.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return notExist(err)
	}
	err = copyBody(ctx, f, body, size)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	linked := false
	if err == nil {
		if opts.IfAbsent {
			err = d.root.Link(tmp, name)
		} else {
			err = d.root.Rename(tmp, name)
			linked = err == nil
		}
	}
	if !linked {
		err = errors.Join(err, d.root.Remove(tmp))
	}
	if err != nil {
		return err
	}
	return d.sync(folder)
}

// notExist hides that a file exists where that says nothing about the object.
func notExist(err error) error {
	if errors.Is(err, fs.ErrExist) {
		return errors.New(err.Error())
	}
	return err
}

// makeFolder makes a folder and those above it, and puts their names on the disk.
func (d *Dir) makeFolder(folder string) error {
	if folder == "." {
		return nil
	}
	st, err := d.root.Stat(folder)
	if err == nil {
		if !st.IsDir() {
			return fmt.Errorf("%s is no folder", folder)
		}
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := path.Dir(folder)
	if err := d.makeFolder(parent); err != nil {
		return err
	}
	if err := d.root.Mkdir(folder, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return d.sync(parent)
}

// sync puts the names in a folder on the disk.
func (d *Dir) sync(folder string) error {
	f, err := d.root.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Delete implements Writer. Folders stay, empty or not.
func (d *Dir) Delete(ctx context.Context, name string) error {
	if err := CheckObjectPath(name); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	st, err := d.root.Lstat(name)
	if err == nil && st.IsDir() {
		return nil // a folder is no object
	}
	if err == nil {
		err = d.root.Remove(name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("storage: delete %s: %w", name, err)
	}
	if err := d.sync(path.Dir(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("storage: delete %s: %w", name, err)
	}
	return nil
}
