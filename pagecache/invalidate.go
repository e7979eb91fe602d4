package pagecache

import "github.com/hearthcache/hearth/internal/epoch"

// Evicted counts what an invalidation dropped.
type Evicted struct {
	Objects int
	Pages   int64
	Bytes   int64 // of content
}

// Invalidate drops every page of every version under scope. Fills under way still serve
// those who wait for them, but what they bring is not kept. The caller has added scope
// to the epoch log before, which keeps out what was learned earlier.
func (c *Cache) Invalidate(scope epoch.Scope) Evicted { return c.invalidate(scope, nil) }

// dropVersion drops one version, found to be gone.
func (c *Cache) dropVersion(v *Version) {
	c.invalidate(epoch.Scope{Bucket: v.Bucket, Key: v.Key}, v)
}

func (c *Cache) invalidate(scope epoch.Scope, only *Version) Evicted {
	return c.drop(c.table.cut(scope, only))
}

// drop drops the pages of objects that were taken out of the table.
func (c *Cache) drop(objects []*object) Evicted {
	var total Evicted
	for _, o := range objects {
		o.mu.Lock()
		o.dead = true
		e := c.dropLocked(o, 0, o.slots.count-1)
		o.mu.Unlock()
		total.add(e)
	}
	return total
}

// dropLocked drops the published pages first to last of o.
func (c *Cache) dropLocked(o *object, first, last int64) Evicted {
	var e Evicted
	o.eachLocked(first, last, func(p *page) {
		if !p.done {
			return // its fill decides when it publishes
		}
		c.lru.remove(p) // or an eviction has taken it and finds its slot cleared
		o.slots.set(p.no, nil)
		o.resident--
		e.Pages++
		e.Bytes += int64(p.size)
		c.metrics.evicted[evictedByInvalidation].Inc()
		p.release(c.arena)
	})
	if e.Pages > 0 {
		e.Objects = 1
	}
	return e
}

func (e *Evicted) add(other Evicted) {
	e.Objects += other.Objects
	e.Pages += other.Pages
	e.Bytes += other.Bytes
}

// EvictRange drops the resident pages of v that overlap [off, off+n).
func (c *Cache) EvictRange(v Version, off, n int64) Evicted {
	off, n = clamp(v.Size, off, n)
	if n == 0 {
		return Evicted{}
	}
	o := c.table.get(v)
	if o == nil {
		return Evicted{}
	}
	defer c.leave(o)
	o.mu.Lock()
	defer o.mu.Unlock()
	return c.dropLocked(o, off/c.pageBytes, (off+n-1)/c.pageBytes)
}

// clamp brings a range into [0, size): off+n does not overflow afterwards.
func clamp(size, off, n int64) (int64, int64) {
	off = max(off, 0)
	if off >= size || n <= 0 {
		return off, 0
	}
	return off, min(n, size-off)
}
