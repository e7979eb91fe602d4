package objectstore

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/proxy/class"
	"github.com/hearthcache/hearth/proxy/object"
	"github.com/hearthcache/hearth/proxy/publication"
)

const (
	// MaxWholeBytes is the size up to which objects that may change in place are read whole when they are opened.
	MaxWholeBytes = 4 << 20
	// tailBytes is what Open asks for of an immutable object that nothing is known of: one page by default, and as much
	// as Lance reads of a file's end at first.
	tailBytes = 64 << 10
)

// Objects is what a Store needs of the object service. *object.Service is one.
type Objects interface {
	Get(ctx context.Context, q object.Request) (*object.Object, error)
	Folder(ctx context.Context, bucket, prefix string) (objects []publication.Entry, folders []string, err error)
	Classify(bucket, key string) class.Class
	Observe(bucket, key string, contents []byte) int
}

// Store is a storage.Store over an object service.
type Store struct{ objects Objects }

var (
	_ storage.Store  = (*Store)(nil)
	_ storage.Hinter = (*file)(nil)
	_ storage.Holder = (*file)(nil)
)

// New returns the store over a service, which it borrows.
func New(objects Objects) *Store { return &Store{objects: objects} }

// split takes a path apart into bucket and key.
func split(name string) (bucket, key string, err error) {
	if err := storage.CheckPath(name); err != nil {
		return "", "", err
	}
	bucket, key, _ = strings.Cut(name, "/")
	return bucket, key, nil
}

// Open implements storage.Store.
func (s *Store) Open(ctx context.Context, name string) (storage.Object, error) {
	bucket, key, err := split(name)
	if err != nil {
		return nil, err
	}
	if key == "" {
		return nil, fmt.Errorf("objectstore: open %q: %w", name, storage.ErrNotFound)
	}
	f := &file{store: s, path: name, bucket: bucket, key: key}
	if s.immutable(bucket, key) {
		err = f.openTail(ctx)
	} else {
		err = f.openWhole(ctx)
	}
	if err != nil {
		return nil, wrap("open", name, err)
	}
	if f.whole != nil && object.IsShardManifest(key) {
		s.objects.Observe(bucket, key, f.whole)
	}
	return f, nil
}

// immutable says whether an object is expected to be of class immutable: it is, or will be once its generation is known to
// be published.
func (s *Store) immutable(bucket, key string) bool {
	if s.objects.Classify(bucket, key) == class.Immutable {
		return true
	}
	_, _, _, _, rest, ok := memwal.ParseGenerationPath(key)
	return ok && rest != ""
}

// List implements storage.Store. Buckets are not listed.
func (s *Store) List(ctx context.Context, folder string) ([]storage.Entry, error) {
	bucket, prefix, err := split(folder)
	if err != nil {
		return nil, err
	}
	if bucket == "" {
		return nil, fmt.Errorf("objectstore: list: %w: buckets are not listed", storage.ErrPath)
	}
	if prefix != "" {
		prefix += "/"
	}
	countOf(ctx).listed()
	objects, folders, err := s.objects.Folder(ctx, bucket, prefix)
	if err != nil {
		return nil, wrap("list", folder, err)
	}
	out := make([]storage.Entry, 0, len(objects)+len(folders))
	add := func(key string, e storage.Entry) {
		e.Path = bucket + "/" + key
		if key != prefix && storage.CheckPath(e.Path) == nil { // no path names a marker of a folder
			out = append(out, e)
		}
	}
	for i := range objects {
		add(objects[i].Key, storage.Entry{Size: objects[i].Size})
	}
	for _, name := range folders {
		add(prefix+name, storage.Entry{Dir: true})
	}
	slices.SortFunc(out, func(a, b storage.Entry) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

// wrap names what was attempted, and says when there is nothing there.
func wrap(op, name string, err error) error {
	missing := errors.Is(err, origin.ErrNotFound) || errors.Is(err, object.ErrNotFound)
	if status, ok := errors.AsType[*origin.StatusError](err); ok && status.Status == http.StatusNotFound {
		missing = true // the bucket
	}
	if missing && !errors.Is(err, storage.ErrNotFound) {
		err = fmt.Errorf("%w: %w", storage.ErrNotFound, err)
	}
	return fmt.Errorf("objectstore: %s s3://%s: %w", op, name, err)
}
