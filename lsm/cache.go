package lsm

import (
	"context"
	"errors"
	"fmt"

	"github.com/hearthcache/hearth/internal/decoded"
)

// Key names a decoded object: what it was made of, and what it is for. It and Decoded are aliases so that caches need
// not know this package.
type Key = struct {
	// Path is a folder of the store: that of a generation, of an index of the base table, or of a version of it.
	Path string
	// Role is what the object is: "dataset", "pk", "blocklist", "bloom", "scalar", "fts", "vector", "vector-info",
	// "vectors", "tombstones", and for some of them what they belong to, after a colon.
	Role string
}

// Decoded is an object in a DatasetCache.
type Decoded = interface {
	// SizeBytes is the memory that the object holds, about. It is asked again when nobody uses the object.
	SizeBytes() int64
	// Close is called once, when nobody uses the object any more.
	Close() error
}

// DatasetCache keeps decoded objects of generations and of base indexes between queries. Everything in it is derived
// from immutable objects, so nothing in it gets old; it may forget at any time. Implementations are safe for concurrent
// use.
type DatasetCache interface {
	// Get returns the object of a key, having called load if it is not there. Calls for one key share one load, which
	// ends early only when nobody waits for it; its error goes to those who wait and is not remembered. The caller calls
	// release once, when it is done with the object.
	Get(ctx context.Context, key Key, load func(ctx context.Context) (Decoded, error)) (obj Decoded, release func(), err error)
	// Retain says which generations of a table are live: what belongs to others of it is not needed again.
	Retain(table string, live []string)
}

// Cache is a DatasetCache in memory for one program: those who serve several stores plug in another. The least recently
// used objects leave when there are more than a number of bytes.
type Cache struct{ objects *decoded.Cache }

var _ DatasetCache = (*Cache)(nil)

// NewCache returns an empty cache of at most maxBytes, beside what is in use.
func NewCache(maxBytes int64) *Cache { return &Cache{decoded.New(decoded.Options{MaxBytes: maxBytes})} }

// Get implements DatasetCache. After Close it is ErrClosed.
func (c *Cache) Get(ctx context.Context, key Key, load func(context.Context) (Decoded, error)) (Decoded, func(), error) {
	obj, release, err := c.objects.Get(ctx, key, load)
	if errors.Is(err, decoded.ErrClosed) {
		err = fmt.Errorf("%w: %w", ErrClosed, err)
	}
	return obj, release, err
}

// Retain implements DatasetCache. Generations newer than every live one of their shard stay, too.
func (c *Cache) Retain(table string, live []string) { c.objects.Retain(table, live) }

// SizeBytes is the memory that the objects in the cache hold, those in use included.
func (c *Cache) SizeBytes() int64 { return c.objects.Stats().Bytes }

// Len is the number of objects in the cache, those being loaded included.
func (c *Cache) Len() int { return c.objects.Stats().Objects }

// Close forgets everything and waits for loads. Objects in use are closed when they are released.
func (c *Cache) Close() error { return c.objects.Close() }

// get fetches an object of a known type.
func get[T Decoded](ctx context.Context, c DatasetCache, key Key, load func(context.Context) (T, error)) (obj T, release func(), err error) {
	d, release, err := c.Get(ctx, key, func(ctx context.Context) (Decoded, error) { return load(ctx) })
	if err != nil {
		return obj, nil, err
	}
	obj, ok := d.(T)
	if !ok {
		release()
		return obj, nil, fmt.Errorf("lsm: the cache holds a %T as %s of %s", d, key.Role, key.Path)
	}
	return obj, release, nil
}

// sized makes a Decoded of a value.
type sized[T any] struct {
	value T
	bytes func() int64 // may grow
	close func() error
}

// entryBytes is what an entry of a cache takes beside the object: its key, and where it stands.
const entryBytes = 256

func (s *sized[T]) SizeBytes() int64 { return s.bytes() + entryBytes }

// fixed is a size that does not change.
func fixed(bytes int64) func() int64 { return func() int64 { return bytes } }

func (s *sized[T]) Close() error {
	if s.close == nil {
		return nil
	}
	return s.close()
}
