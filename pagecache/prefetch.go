package pagecache

import (
	"context"
	"io"
)

// Prefetch makes bytes [off, off+n) of v resident, with origin requests of low priority.
// It returns when they are, or with ErrNoSpace if memory cannot be had, ErrChanged, ctx's
// error or the source's. What was fetched before an error stays. A page that a reader
// waits for in the meantime is promoted to demand.
//
// A range larger than the cache evicts its own beginning: check with [Cache.Resident].
func (c *Cache) Prefetch(ctx context.Context, v Version, off, n int64, o ReadOptions) (ReadStats, error) {
	r := &Reader{c: c, ctx: ctx, prefetch: true}
	c.start(r, v, off, n, o)
	defer func() { _ = r.Close() }() // never fails
	for {
		_, err := r.Next()
		if err == io.EOF {
			return r.stats, nil
		}
		if err != nil {
			return r.stats, err
		}
	}
}

// Residency says how much of a range is in memory now.
type Residency struct {
	Pages         int64 // that the range touches
	ResidentPages int64
	ResidentBytes int64 // of the range, in resident pages
}

// Resident looks without touching the order of eviction.
func (c *Cache) Resident(v Version, off, n int64) Residency {
	off, n = clamp(v.Size, off, n)
	if n == 0 {
		return Residency{}
	}
	o := c.table.get(v)
	if o == nil {
		return Residency{Pages: (off+n-1)/c.pageBytes - off/c.pageBytes + 1}
	}
	defer c.leave(o)
	return c.residency(o, off, off+n, nil)
}

// residency looks at bytes [from, to) of o, not empty, leaving out pages that are held by
// a reader. It looks only where there are pages, however long the range.
func (c *Cache) residency(o *object, from, to int64, except []held) Residency {
	first, last := from/c.pageBytes, (to-1)/c.pageBytes
	r := Residency{Pages: last - first + 1}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.resident == 0 {
		return r
	}
	o.slots.stretches(first, last, func(pages []*page) {
		for _, p := range pages {
			if p == nil || !p.done {
				continue
			}
			if _, mine := find(except, p.no); mine {
				continue
			}
			r.ResidentPages++
			r.ResidentBytes += int64(p.size)
			if p.no == first {
				r.ResidentBytes -= from - first*c.pageBytes
			}
			if p.no == last {
				r.ResidentBytes -= last*c.pageBytes + int64(p.size) - to
			}
		}
	})
	return r
}

// ObjectInfo describes the pages of one version, for people.
type ObjectInfo struct {
	Version       Version
	Pages         int64
	ResidentPages int64
	ResidentBytes int64 // of content
	Pinned        bool  // at or below a pinned path
}

// Objects calls yield for every version below prefix that has pages or readers, in no order, until
// it returns false. No lock is held while yield runs.
func (c *Cache) Objects(bucket, prefix string, yield func(ObjectInfo) bool) {
	c.table.each(bucket, prefix, func(o *object) bool {
		info := ObjectInfo{Version: o.Version, Pages: c.pageCount(o.Size), Pinned: o.pinned.Load()}
		o.mu.Lock()
		o.eachLocked(0, info.Pages-1, func(p *page) {
			if p.done {
				info.ResidentPages++
				info.ResidentBytes += int64(p.size)
			}
		})
		dead := o.dead
		o.mu.Unlock()
		return dead || yield(info)
	})
}
