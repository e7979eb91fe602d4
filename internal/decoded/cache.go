package decoded

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// ErrClosed says that the cache was closed.
var ErrClosed = errors.New("decoded: closed")

// Key names an object: the folder that it was decoded from, and what it is, for which what follows a colon says more. It
// and [Object] are aliases so that users may declare the same for themselves.
type Key = struct {
	Path string
	Role string
}

// Object is something decoded. SizeBytes is the memory that it holds, about: it is asked more than once, with the cache
// locked, so it must be quick and must not call the cache. Close is called once, when nobody uses it any more.
type Object = interface {
	SizeBytes() int64
	Close() error
}

// protectedShare is how much of the limit objects may take that were used more than once, in percent. The rest is for
// those that came lately, or none of them would live long enough to be used again.
const protectedShare = 80

// Options of a Cache.
type Options struct {
	// MaxBytes is how much is kept, beside what is in use.
	MaxBytes int64
	// Keep, if given, is asked of the folder of an object that was loaded: false lends it to those who wait and keeps it
	// no longer. It is asked before the object can be found, so an eviction that follows a change of what Keep says finds
	// whatever was kept for the old answer.
	Keep func(path string) bool
}

// Cache keeps objects of a number of bytes. It is safe for concurrent use.
type Cache struct {
	maxBytes int64
	keep     func(path string) bool
	loads    sync.WaitGroup

	mu                   sync.Mutex
	closed               bool
	entries              map[Key]*entry
	folders              map[string][]*entry // by path
	running              map[*entry]struct{} // loads, of dropped entries too
	probation, protected queue
	bytes                int64 // of what is kept
	lent                 int64 // of what is kept and in use
	counts               Counts
}

// entry is an object, or the load of one. Guarded by Cache.mu but for ready, and for obj and err once that is closed.
type entry struct {
	key    Key
	ready  chan struct{} // closed when obj or err is set
	cancel context.CancelFunc
	loaded bool
	obj    Object
	err    error

	size    int64
	users   int
	tickets tickets
	again   bool // used more than once
	dropped bool // not kept any more

	in         *queue // that it waits in, nil while it is used
	prev, next *entry
}

// New returns an empty cache.
func New(o Options) *Cache {
	return &Cache{
		maxBytes: o.MaxBytes, keep: o.Keep,
		entries: map[Key]*entry{}, folders: map[string][]*entry{}, running: map[*entry]struct{}{},
	}
}

// MaxBytes is the limit that New was given.
func (c *Cache) MaxBytes() int64 { return c.maxBytes }

// Get returns the object of a key, having called load if it is not there. Calls for one key share one load, which ends
// early only when nobody waits for it; it runs with the values of the first caller's context. The caller calls release
// when it is done with the object.
func (c *Cache) Get(ctx context.Context, key Key, load func(context.Context) (Object, error)) (obj Object, release func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, nil, ErrClosed
	}
	e := c.entries[key]
	switch {
	case e == nil:
		c.counts.Misses++
		e = c.startLocked(ctx, key, load)
	case e.loaded:
		c.counts.Hits++
		e.again = true
		obj, release = e.obj, c.lendLocked(e)
		c.mu.Unlock()
		return obj, release, nil
	default:
		c.counts.Joined++
	}
	release = c.lendLocked(e)
	c.mu.Unlock()
	select {
	case <-e.ready:
	case <-ctx.Done():
		release()
		return nil, nil, ctx.Err()
	}
	if e.err != nil {
		release()
		return nil, nil, e.err
	}
	return e.obj, release, nil
}

// startLocked begins the load of an entry that is not there.
func (c *Cache) startLocked(ctx context.Context, key Key, load func(context.Context) (Object, error)) *entry {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	e := &entry{key: key, ready: make(chan struct{}), cancel: cancel}
	c.entries[key] = e
	c.folders[key.Path] = append(c.folders[key.Path], e)
	c.running[e] = struct{}{}
	c.loads.Go(func() { c.load(ctx, e, load) })
	return e
}

// load runs a load and publishes its outcome.
func (c *Cache) load(ctx context.Context, e *entry, load func(context.Context) (Object, error)) {
	defer e.cancel()
	began := time.Now()
	var obj Object
	err := fmt.Errorf("decoded: load %s of %s did not return", e.key.Role, e.key.Path)
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("decoded: load %s of %s: panic: %v", e.key.Role, e.key.Path, r)
		}
		c.finish(e, obj, err, time.Since(began))
	}()
	if obj, err = load(ctx); err == nil && obj == nil {
		err = fmt.Errorf("decoded: load %s of %s gave nothing", e.key.Role, e.key.Path)
	}
}

func (c *Cache) finish(e *entry, obj Object, err error, took time.Duration) {
	keep := err != nil || c.keep == nil || c.keep(e.key.Path)
	c.mu.Lock()
	e.loaded = true
	delete(c.running, e)
	c.counts.LoadTime += took
	if c.closed && errors.Is(err, context.Canceled) {
		err = ErrClosed // those who wait did not cancel anything
	}
	if err != nil {
		e.err = err
		if c.counts.Failed++; e.users == 0 {
			c.counts.Cancelled++
		}
		c.dropLocked(e)
	} else {
		e.obj = obj
		c.counts.Loaded++
		if e.dropped || !keep {
			c.counts.Overtaken++
			c.dropLocked(e)
		}
		c.weighLocked(e)
	}
	unused := c.settleLocked(e)
	c.mu.Unlock()
	closeAll(unused) // first: what made room for the object is gone when somebody has it
	close(e.ready)
}

// lendLocked counts a user of an entry. The function takes it back, once.
func (c *Cache) lendLocked(e *entry) (release func()) {
	if e.in != nil {
		e.in.remove(e)
	}
	if e.users++; e.users == 1 && !e.dropped {
		c.lent += e.size
	}
	slot, turn := e.tickets.take()
	return func() { c.release(e, slot, turn) }
}

func (c *Cache) release(e *entry, slot, turn uint32) {
	c.mu.Lock()
	if !e.tickets.giveBack(slot, turn) {
		c.mu.Unlock()
		return
	}
	if e.users--; e.users == 0 {
		if !e.dropped {
			c.lent -= e.size
		}
		if !e.loaded {
			e.cancel()
			c.dropLocked(e)
		} else {
			c.weighLocked(e)
		}
	}
	unused := c.settleLocked(e)
	c.mu.Unlock()
	closeAll(unused)
}

// weighLocked asks an object for its size again.
func (c *Cache) weighLocked(e *entry) {
	if e.obj == nil || e.dropped {
		return
	}
	grown := max(0, e.obj.SizeBytes()) - e.size
	e.size += grown
	c.bytes += grown
	if e.users > 0 {
		c.lent += grown
	}
}

// dropLocked forgets an entry; settleLocked closes it once nobody uses it.
func (c *Cache) dropLocked(e *entry) {
	if e.dropped {
		return
	}
	e.dropped = true
	delete(c.entries, e.key)
	others := slices.DeleteFunc(c.folders[e.key.Path], func(other *entry) bool { return other == e })
	if c.folders[e.key.Path] = others; len(others) == 0 {
		delete(c.folders, e.key.Path)
	}
	if e.in != nil {
		e.in.remove(e)
	}
	c.bytes -= e.size
	if e.users > 0 {
		c.lent -= e.size
	}
}

// settleLocked puts an entry that nobody uses into a queue, or returns it to be closed, with others that are too many.
func (c *Cache) settleLocked(e *entry) (unused []Object) {
	if e.users == 0 && e.loaded && e.obj != nil {
		switch {
		case e.dropped:
			unused = append(unused, e.obj)
			e.obj = nil
		case e.in != nil:
		case e.size > c.maxBytes: // it would flush everything else and leave all the same
			c.dropLocked(e)
			c.counts.Evicted++
			unused = append(unused, e.obj)
			e.obj = nil
		case e.again:
			c.protected.push(e)
			for c.protected.bytes > c.maxBytes*protectedShare/100 && c.protected.last != e {
				old := c.protected.last
				c.protected.remove(old)
				old.again = false
				c.probation.push(old)
			}
		default:
			c.probation.push(e)
		}
	}
	for c.bytes > c.maxBytes {
		old := c.probation.last
		if old == nil {
			old = c.protected.last
		}
		if old == nil {
			break
		}
		c.dropLocked(old)
		c.counts.Evicted++
		unused = append(unused, old.obj)
		old.obj = nil
	}
	return unused
}

func closeAll(objs []Object) {
	for _, o := range objs {
		_ = o.Close()
	}
}

// Close forgets everything, cancels loads and waits for them. Objects in use are closed when they are released. Closing
// again does nothing.
func (c *Cache) Close() error {
	c.mu.Lock()
	c.closed = true
	var unused []Object
	for e := range c.running {
		e.cancel()
	}
	for _, e := range c.entries {
		c.dropLocked(e)
		unused = append(unused, c.settleLocked(e)...)
	}
	c.mu.Unlock()
	closeAll(unused)
	c.loads.Wait()
	return nil
}
