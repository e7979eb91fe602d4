package lsm

import (
	"container/list"
	"context"
	"fmt"
	"path"
	"strings"
	"sync"

	"github.com/hearthcache/hearth/lance/memwal"
)

// Key names a decoded object: what it was made of, and what it is for.
type Key struct {
	// Path is a folder of the store: that of a generation, of an index of the base table, or of a version of it.
	Path string
	// Role is what the object is: "dataset", "pk", "blocklist", "bloom", "scalar", "fts", "vector", and for some of them
	// what they belong to, after a colon.
	Role string
}

// Decoded is an object in a DatasetCache. Close is called once, when nobody uses it any more.
type Decoded interface {
	// SizeBytes is the memory that the object holds, about.
	SizeBytes() int64
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

// Cache is a DatasetCache in memory: the least recently used objects leave when there are more than a number of bytes.
type Cache struct {
	maxBytes int64
	loads    sync.WaitGroup
	mu       struct {
		sync.Mutex
		closed  bool
		entries map[Key]*cacheEntry
		idle    *list.List // entries that nobody uses, most recently used first
		bytes   int64
	}
}

var _ DatasetCache = (*Cache)(nil)

// cacheEntry is an object, or the load of one. Guarded by Cache.mu but for ready.
type cacheEntry struct {
	key     Key
	ready   chan struct{} // closed when obj or err is set
	cancel  context.CancelFunc
	loaded  bool
	obj     Decoded
	err     error
	size    int64
	users   int // who waits for it or uses it
	idle    *list.Element
	dropped bool // not in entries any more
}

// NewCache returns an empty cache of at most maxBytes, beside what is in use.
func NewCache(maxBytes int64) *Cache {
	c := &Cache{maxBytes: maxBytes}
	c.mu.entries = map[Key]*cacheEntry{}
	c.mu.idle = list.New()
	return c
}

// Get implements DatasetCache.
func (c *Cache) Get(ctx context.Context, key Key, load func(context.Context) (Decoded, error)) (Decoded, func(), error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	c.mu.Lock()
	if c.mu.closed {
		c.mu.Unlock()
		return nil, nil, ErrClosed
	}
	e := c.mu.entries[key]
	if e == nil {
		lctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		e = &cacheEntry{key: key, ready: make(chan struct{}), cancel: cancel}
		c.mu.entries[key] = e
		c.loads.Go(func() { c.load(lctx, e, load) })
	}
	e.users++
	if e.idle != nil {
		c.mu.idle.Remove(e.idle)
		e.idle = nil
	}
	c.mu.Unlock()
	select {
	case <-e.ready:
	case <-ctx.Done():
		c.release(e)
		return nil, nil, ctx.Err()
	}
	if e.err != nil {
		c.release(e)
		return nil, nil, e.err
	}
	return e.obj, sync.OnceFunc(func() { c.release(e) }), nil
}

// load runs a load and publishes its outcome.
func (c *Cache) load(ctx context.Context, e *cacheEntry, load func(context.Context) (Decoded, error)) {
	defer e.cancel()
	var obj Decoded
	err := fmt.Errorf("lsm: load %s of %s did not return", e.key.Role, e.key.Path)
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("lsm: load %s of %s: panic: %v", e.key.Role, e.key.Path, r)
		}
		c.mu.Lock()
		e.loaded, e.obj, e.err = true, obj, err
		if err != nil {
			e.obj = nil
			c.dropLocked(e)
		} else {
			e.size = obj.SizeBytes()
			if !e.dropped {
				c.mu.bytes += e.size
			}
		}
		unused := c.settleLocked(e)
		c.mu.Unlock()
		close(e.ready)
		closeAll(unused)
	}()
	obj, err = load(ctx)
}

func (c *Cache) release(e *cacheEntry) {
	c.mu.Lock()
	e.users--
	if e.users == 0 && !e.loaded {
		e.cancel()
		c.dropLocked(e)
	}
	unused := c.settleLocked(e)
	c.mu.Unlock()
	closeAll(unused)
}

// dropLocked forgets an entry; settleLocked closes it once nobody uses it.
func (c *Cache) dropLocked(e *cacheEntry) {
	if e.dropped {
		return
	}
	e.dropped = true
	if c.mu.entries[e.key] == e {
		delete(c.mu.entries, e.key)
	}
	if e.idle != nil {
		c.mu.idle.Remove(e.idle)
		e.idle = nil
	}
	c.mu.bytes -= e.size
}

// settleLocked puts an entry that nobody uses into the queue, or returns it to be closed, with others that are too many.
func (c *Cache) settleLocked(e *cacheEntry) (unused []Decoded) {
	if e.users == 0 && e.loaded && e.obj != nil {
		if e.dropped {
			unused = append(unused, e.obj)
			e.obj = nil
		} else if e.idle == nil {
			e.idle = c.mu.idle.PushFront(e)
		}
	}
	for c.mu.bytes > c.maxBytes && c.mu.idle.Len() > 0 {
		old := c.mu.idle.Back().Value.(*cacheEntry)
		c.dropLocked(old)
		unused = append(unused, old.obj)
		old.obj = nil
	}
	return unused
}

func closeAll(objs []Decoded) {
	for _, o := range objs {
		_ = o.Close()
	}
}

// Retain implements DatasetCache.
func (c *Cache) Retain(table string, live []string) {
	within := path.Join(table, memwal.Dir) + "/"
	alive := map[string]bool{}
	for _, p := range live {
		alive[p] = true
	}
	c.dropIf(func(k Key) bool { return strings.HasPrefix(k.Path, within) && !alive[k.Path] })
}

func (c *Cache) dropIf(gone func(Key) bool) {
	c.mu.Lock()
	var unused []Decoded
	for k, e := range c.mu.entries {
		if gone(k) {
			c.dropLocked(e)
			unused = append(unused, c.settleLocked(e)...)
		}
	}
	c.mu.Unlock()
	closeAll(unused)
}

// SizeBytes is the memory that the objects in the cache hold, those in use included.
func (c *Cache) SizeBytes() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.bytes
}

// Len is the number of objects in the cache.
func (c *Cache) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.mu.entries)
}

// Close forgets everything and waits for loads. Objects in use are closed when they are released.
func (c *Cache) Close() error {
	c.mu.Lock()
	c.mu.closed = true
	for _, e := range c.mu.entries {
		e.cancel()
	}
	c.mu.Unlock()
	c.loads.Wait()
	c.dropIf(func(Key) bool { return true })
	return nil
}

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

// sized makes a Decoded of a value that needs no closing.
type sized[T any] struct {
	value T
	bytes int64
	close func() error
}

func (s *sized[T]) SizeBytes() int64 { return s.bytes }

func (s *sized[T]) Close() error {
	if s.close == nil {
		return nil
	}
	return s.close()
}
