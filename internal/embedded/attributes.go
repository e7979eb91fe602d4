//go:build !noembedded

package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"

	"github.com/versity/versitygw/backend/meta"
)

const (
	etagAttribute = "etag"
	// stampAttribute says of which state of the file the stored ETag is.
	stampAttribute = "hearth-stamp"
	// sidecarDir begins with a dot, which no bucket name does.
	sidecarDir = ".hearth-meta"
)

// attributes keep what the server knows of an object beside its bytes, and add
// what it does not know: an ETag for files it has not written.
type attributes struct {
	meta.MetadataStorer
	root string
}

// newAttributes uses extended attributes where dir has them, files elsewhere.
func newAttributes(dir string, o Options) (*attributes, error) {
	ok, err := hasXattr(dir)
	if err != nil {
		return nil, fmt.Errorf("embedded: %w", err)
	}
	if ok && !o.noXattr {
		return &attributes{MetadataStorer: meta.XattrMeta{}, root: dir}, nil
	}
	side := filepath.Join(dir, sidecarDir)
	if err := os.MkdirAll(side, 0o755); err != nil {
		return nil, fmt.Errorf("embedded: %w", err)
	}
	files, err := meta.NewSideCar(side)
	if err != nil {
		return nil, fmt.Errorf("embedded: %w", err)
	}
	o.Logger.Info("embedded store keeps attributes in files", slog.String("dir", side))
	return &attributes{MetadataStorer: files, root: dir}, nil
}

// hasXattr tries it: asking for an attribute succeeds on file systems where
// setting one does not.
func hasXattr(dir string) (bool, error) {
	f, err := os.CreateTemp(dir, ".hearth-probe-*")
	if err != nil {
		return false, err
	}
	defer func() {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}()
	return meta.XattrMeta{}.StoreAttribute(f, "", "", etagAttribute, []byte("probe")) == nil, nil
}

// stat looks at the file behind an attribute call, by handle if there is one.
func (a *attributes) stat(f *os.File, bucket, object string) (fs.FileInfo, error) {
	if f != nil {
		return f.Stat()
	}
	path := filepath.Join(bucket, object)
	if !filepath.IsAbs(path) {
		path = filepath.Join(a.root, path)
	}
	return os.Stat(path)
}

// stamp changes whenever the bytes of a file are written, as finely as the file
// system keeps time.
func stamp(fi fs.FileInfo) string {
	return strconv.FormatInt(fi.Size(), 16) + "-" + strconv.FormatInt(fi.ModTime().UnixNano(), 16)
}

// StoreAttribute notes of which bytes a stored ETag is.
func (a *attributes) StoreAttribute(f *os.File, bucket, object, attribute string, value []byte) error {
	if err := a.MetadataStorer.StoreAttribute(f, bucket, object, attribute, value); err != nil {
		return err
	}
	if attribute != etagAttribute {
		return nil
	}
	fi, err := a.stat(f, bucket, object)
	if err != nil || !fi.Mode().IsRegular() {
		return nil //nolint:nilerr // an ETag without a stamp is trusted
	}
	return a.MetadataStorer.StoreAttribute(f, bucket, object, stampAttribute, []byte(stamp(fi)))
}

// RetrieveAttribute returns the stored ETag while the file is the one it was
// stored for, else one made of the file's stamp.
func (a *attributes) RetrieveAttribute(f *os.File, bucket, object, attribute string) ([]byte, error) {
	value, err := a.MetadataStorer.RetrieveAttribute(f, bucket, object, attribute)
	if attribute != etagAttribute || err != nil && !errors.Is(err, meta.ErrNoSuchKey) {
		return value, err
	}
	fi, statErr := a.stat(f, bucket, object)
	if statErr != nil || !fi.Mode().IsRegular() {
		return value, err // directories have an ETag only if they were put
	}
	now := stamp(fi)
	if err == nil {
		then, stampErr := a.MetadataStorer.RetrieveAttribute(f, bucket, object, stampAttribute)
		if stampErr != nil || string(then) == now {
			return value, nil
		}
	}
	return []byte(`"hearth-` + now + `"`), nil
}
