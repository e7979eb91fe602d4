package originstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/lance/storage"
)

// What a read of an object store costs: a request is worth some 256 KiB of unwanted bytes, and many are sent at once.
const (
	maxGapBytes = 256 << 10
	parallel    = 16
	// tailBytes is what Open reads of an object's end.
	tailBytes = 64 << 10
)

// Store is a storage.Store over the objects of a bucket below a prefix.
type Store struct {
	client         *origin.Client
	bucket, prefix string
	// single and part are singleBytes and partBytes, but in tests.
	single, part int64
}

var (
	_ storage.Store       = (*Store)(nil)
	_ storage.SizedOpener = (*Store)(nil)
	_ storage.Hinter      = (*object)(nil)
)

// New returns the store below prefix, which is a clean path without slashes at its ends; empty means the bucket. It
// borrows the client and sends nothing.
func New(client *origin.Client, bucket, prefix string) (*Store, error) {
	if err := storage.CheckPath(prefix); err != nil {
		return nil, fmt.Errorf("originstore: prefix: %w", err)
	}
	return &Store{client: client, bucket: bucket, prefix: prefix, single: singleBytes, part: partBytes}, nil
}

// key is the key of a path.
func (s *Store) key(name string) (string, error) {
	if err := storage.CheckPath(name); err != nil {
		return "", err
	}
	return path.Join(s.prefix, name), nil
}

// url names a key for messages.
func (s *Store) url(key string) string { return "s3://" + s.bucket + "/" + key }

// Open implements storage.Store with one GET of the object's tail, which is what Lance reads of a file first, and of small
// objects all there is: it costs no more than asking for the size alone.
func (s *Store) Open(ctx context.Context, name string) (storage.Object, error) {
	key, err := s.key(name)
	if err != nil {
		return nil, err
	}
	if key == "" {
		return nil, fmt.Errorf("originstore: open %s: %w", s.url(key), storage.ErrNotFound)
	}
	o := &object{store: s, path: name, key: key}
	if err := o.open(ctx); err != nil {
		return nil, s.wrap("open", key, err)
	}
	return o, nil
}

// OpenSized implements storage.SizedOpener without a request.
func (s *Store) OpenSized(_ context.Context, name string, size int64) (storage.Object, error) {
	key, err := s.key(name)
	if err != nil {
		return nil, err
	}
	return &object{store: s, path: name, key: key, size: size}, nil
}

// List implements storage.Store. It takes a request for each 1,000 entries.
func (s *Store) List(ctx context.Context, folder string) ([]storage.Entry, error) {
	prefix, err := s.folder(folder)
	if err != nil {
		return nil, err
	}
	var out []storage.Entry
	req := origin.ListRequest{Bucket: s.bucket, Prefix: prefix, Delimiter: "/"}
	for {
		page, err := s.client.ListPage(ctx, req)
		if err != nil {
			return nil, s.wrap("list", prefix, err)
		}
		for _, e := range page.Entries {
			out = s.add(out, e.Key, storage.Entry{Size: e.Size})
		}
		for _, p := range page.CommonPrefixes {
			out = s.add(out, strings.TrimSuffix(p, "/"), storage.Entry{Dir: true})
		}
		if page.NextToken == "" {
			break
		}
		req.Token = page.NextToken
	}
	slices.SortFunc(out, func(a, b storage.Entry) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

// ListAll returns every object below a folder, at any depth, sorted by path. It takes a request for each 1,000 of them.
func (s *Store) ListAll(ctx context.Context, folder string) ([]storage.Entry, error) {
	prefix, err := s.folder(folder)
	if err != nil {
		return nil, err
	}
	var out []storage.Entry
	err = s.client.List(ctx, s.bucket, prefix, func(e origin.Entry) error {
		out = s.add(out, e.Key, storage.Entry{Size: e.Size})
		return nil
	})
	if err != nil {
		return nil, s.wrap("list", prefix, err)
	}
	slices.SortFunc(out, func(a, b storage.Entry) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

// folder is the prefix of the keys below a folder.
func (s *Store) folder(name string) (string, error) {
	key, err := s.key(name)
	if err != nil || key == "" {
		return "", err
	}
	return key + "/", nil
}

// add appends the entry of a key. Keys that no path can name, such as markers of folders, are left out.
func (s *Store) add(out []storage.Entry, key string, e storage.Entry) []storage.Entry {
	e.Path = key
	if s.prefix != "" {
		e.Path = strings.TrimPrefix(key, s.prefix+"/")
	}
	if e.Path == "" || storage.CheckPath(e.Path) != nil {
		return out
	}
	return append(out, e)
}

func (s *Store) wrap(op, key string, err error) error {
	if errors.Is(err, origin.ErrNotFound) {
		return fmt.Errorf("originstore: %s %s: %w: %w", op, s.url(key), storage.ErrNotFound, err)
	}
	return fmt.Errorf("originstore: %s %s: %w", op, s.url(key), err)
}

// object is one version of an object.
type object struct {
	store *Store
	path  string
	key   string
	size  int64
	etag  atomic.Pointer[string] // strong; nil until an answer brought one
	tail  []byte                 // the last bytes, if Open brought them
}

// open learns of the object.
func (o *object) open(ctx context.Context) error {
	got, err := o.store.client.Get(ctx, origin.GetRequest{Bucket: o.store.bucket, Key: o.key, Range: origin.Suffix(tailBytes), WantSize: -1})
	if errors.Is(err, origin.ErrRange) { // it is empty
		got, err = o.store.client.Head(ctx, o.store.bucket, o.key, nil)
	}
	if err != nil {
		return err
	}
	defer func() { _ = got.Body.Close() }()
	if got.Size < 0 {
		return fmt.Errorf("%w: the answer does not say the size", origin.ErrCorrupt)
	}
	o.size = got.Size
	o.bind(got.ETag)
	if got.Length == 0 || got.Length > tailBytes || got.Offset+got.Length != got.Size {
		return nil // a store that answers with another part than was asked for
	}
	o.tail = make([]byte, got.Length)
	_, err = io.ReadFull(got.Body, o.tail)
	return err
}

func (o *object) Path() string { return o.path }
func (o *object) Size() int64  { return o.size }
func (o *object) Close() error { return nil }

// ReadHints implements storage.Hinter.
func (o *object) ReadHints() (int64, int) { return maxGapBytes, parallel }

// bind makes later reads demand the version with the ETag. Weak ETags cannot be demanded.
func (o *object) bind(etag string) {
	if etag != "" && !strings.HasPrefix(etag, "W/") {
		o.etag.CompareAndSwap(nil, &etag)
	}
}

// ReadRange implements storage.Object with one GET, or with what Open brought.
func (o *object) ReadRange(ctx context.Context, p []byte, off int64) error {
	n := int64(len(p))
	if off < 0 || off > o.size || n > o.size-off {
		return fmt.Errorf("originstore: read %d bytes at %d of %s (%d bytes): %w", n, off, o.path, o.size, storage.ErrRange)
	}
	if err := ctx.Err(); err != nil || n == 0 {
		return err
	}
	if from := o.size - int64(len(o.tail)); off >= from {
		copy(p, o.tail[off-from:])
		return nil
	}
	req := origin.GetRequest{Bucket: o.store.bucket, Key: o.key, Range: origin.Closed(off, n), WantSize: o.size}
	if etag := o.etag.Load(); etag != nil {
		req.IfMatch = *etag
	}
	got, err := o.store.client.Get(ctx, req)
	if err != nil {
		return o.store.wrap(fmt.Sprintf("read %d bytes at %d of", n, off), o.key, err)
	}
	defer func() { _ = got.Body.Close() }()
	o.bind(got.ETag)
	if etag := o.etag.Load(); etag != nil && got.ETag != *etag {
		// Two first reads that saw two versions.
		return o.store.wrap(fmt.Sprintf("read %d bytes at %d of", n, off), o.key, origin.ErrChanged)
	}
	if _, err := io.ReadFull(got.Body, p); err != nil {
		return o.store.wrap(fmt.Sprintf("read %d bytes at %d of", n, off), o.key, err)
	}
	return nil
}
