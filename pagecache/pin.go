package pagecache

import (
	"strings"
	"sync"
	"sync/atomic"
)

// pins are the prefixes whose pages stay. The zero value is empty.
type pins struct {
	any atomic.Bool // spares openers the lock while there is none

	mu       sync.RWMutex
	prefixes map[pin]struct{}
}

type pin struct{ bucket, prefix string }

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
	for at := range p.prefixes {
		if at.bucket == bucket && strings.HasPrefix(key, at.prefix) {
			return true
		}
	}
	return false
}

func (p *pins) set(at pin, on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.prefixes == nil {
		p.prefixes = make(map[pin]struct{})
	}
	if on {
		p.prefixes[at] = struct{}{}
	} else {
		delete(p.prefixes, at)
	}
	p.any.Store(len(p.prefixes) > 0)
}

// Pin keeps the pages below prefix, those there and those to come, out of eviction, as
// far as the pin budget goes; pages beyond it are evicted like others, and pinned after
// all if the budget has room when their turn comes. Invalidation drops pinned pages too.
func (c *Cache) Pin(bucket, prefix string) {
	c.pins.set(pin{bucket, prefix}, true)
	c.repin(bucket, prefix)
}

// Unpin takes back Pin of exactly that prefix.
func (c *Cache) Unpin(bucket, prefix string) {
	c.pins.set(pin{bucket, prefix}, false)
	c.repin(bucket, prefix)
}

// Pins returns the number of pinned prefixes.
func (c *Cache) Pins() int {
	c.pins.mu.RLock()
	defer c.pins.mu.RUnlock()
	return len(c.pins.prefixes)
}

// repin brings the objects below prefix in line with the pins.
func (c *Cache) repin(bucket, prefix string) {
	c.table.each(bucket, prefix, func(o *object) bool {
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
