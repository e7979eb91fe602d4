package pagecache

import (
	"strings"
	"sync"
	"sync/atomic"
)

// pins are the paths whose pages stay. The zero value is empty.
type pins struct {
	any atomic.Bool // spares openers the lock while there is none

	mu    sync.RWMutex
	paths map[pin]struct{} // Guarded by mu
}

// A pin is a path without a slash at its end.
type pin struct{ bucket, path string }

func pinOf(bucket, path string) pin { return pin{bucket, strings.TrimSuffix(path, "/")} }

// covers reports whether a key is the path or lies below it. What merely begins with the
// same letters does not.
func (p pin) covers(bucket, key string) bool {
	if p.bucket != bucket {
		return false
	}
	rest, ok := strings.CutPrefix(key, p.path)
	return ok && (rest == "" || rest[0] == '/' || p.path == "")
}

// apply sets whether o is pinned. The lock covers looking and setting: of two that run at
// the same time, a Pin and an Unpin, the last to set has also seen the last state.
func (p *pins) apply(o *object) {
	if !p.any.Load() && !o.pinned.Load() {
		return
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	o.pinned.Store(p.coverLocked(o.Bucket, o.Key))
}

func (p *pins) coverLocked(bucket, key string) bool {
	for at := range p.paths {
		if at.covers(bucket, key) {
			return true
		}
	}
	return false
}

func (p *pins) set(at pin, on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.paths == nil {
		p.paths = make(map[pin]struct{})
	}
	if on {
		p.paths[at] = struct{}{}
	} else {
		delete(p.paths, at)
	}
	p.any.Store(len(p.paths) > 0)
}

// Pin keeps the pages of the object at a path and of those below it, those there and those
// to come, out of eviction, as far as the pin budget goes; pages beyond it are evicted like
// others, and pinned after all if the budget has room when their turn comes. Invalidation
// drops pinned pages too.
//
// A slash at the end of the path does not matter; the empty path is the whole bucket. The
// path a/b covers the keys a/b and a/b/c, but not a/bc.
func (c *Cache) Pin(bucket, path string) {
	at := pinOf(bucket, path)
	c.pins.set(at, true)
	c.repin(at)
}

// Unpin takes back Pin of exactly that path.
func (c *Cache) Unpin(bucket, path string) {
	at := pinOf(bucket, path)
	c.pins.set(at, false)
	c.repin(at)
}

// Pins returns the number of pinned paths.
func (c *Cache) Pins() int {
	c.pins.mu.RLock()
	defer c.pins.mu.RUnlock()
	return len(c.pins.paths)
}

// repin brings the objects at and below a path in line with the pins.
func (c *Cache) repin(at pin) {
	c.table.each(at.bucket, at.path, func(o *object) bool {
		c.pins.apply(o)
		o.mu.Lock()
		defer o.mu.Unlock()
		on := o.pinned.Load() // what was set last, be it by somebody else
		o.eachLocked(0, o.slots.count-1, func(p *page) {
			if p.done {
				c.lru.setPinned(p, on)
			}
		})
		return true
	})
}
