package pagecache

import "sync"

// stageShare is the part of the memory that all stages together may take: as much as the
// read-ahead of all readers.
const stageShare = 8

// A Stage takes the bytes of an object on their way to the origin, before the origin has
// said which version they become. They lie in pages of the cache's memory that nobody can
// find until [Stage.Commit].
//
// Its methods may be called from several goroutines; Write keeps the order of its calls.
// Close it in any case.
type Stage struct {
	c     *Cache
	size  int64
	takes int64 // bytes of blocks, of which the last may be larger than its page

	mu     sync.Mutex
	pages  []*page // Guarded by mu
	filled int64   // bytes. Guarded by mu
	over   bool    // nothing more is taken. Guarded by mu
}

// Stage returns a stage for an object of size bytes, or nil if there is no room for it:
// stages together take an eighth of the memory at most. An empty object has no pages and
// gets none.
func (c *Cache) Stage(size int64) *Stage {
	if size <= 0 || size > c.memory/stageShare {
		return nil
	}
	last := c.pageCount(size) - 1
	takes := last*c.pageBytes + orderBytes(orderOf(int(c.pageSize(size, last))))
	if c.staged.Add(takes) > c.memory/stageShare {
		c.staged.Add(-takes)
		return nil
	}
	return &Stage{c: c, size: size, takes: takes}
}

// Size returns how many bytes the object has.
func (g *Stage) Size() int64 { return g.size }

// Write takes the next bytes of the object; it borrows p until it returns. It neither
// waits nor fails: where memory cannot be had, or there is more than was announced, the
// stage is given up.
func (g *Stage) Write(p []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(p) > 0 && !g.over {
		no := g.filled / g.c.pageBytes
		at := g.filled - no*g.c.pageBytes
		if g.filled == g.size || at == 0 && !g.growLocked(no) {
			g.dropLocked()
			return
		}
		n := copy(g.pages[no].bytes(g.c.arena)[at:], p)
		g.filled += int64(n)
		p = p[n:]
	}
}

// growLocked adds page no.
func (g *Stage) growLocked(no int64) bool {
	size := g.c.pageSize(g.size, no)
	p := &page{no: no, size: int32(size), order: orderOf(int(size)), block: noBlock}
	p.refs.Store(1)
	if !g.c.reserve(p) {
		return false
	}
	g.pages = append(g.pages, p)
	return true
}

// Commit publishes the staged pages as those of v and reports how many bytes that were:
// all, but for pages that the cache has or fetches already, or 0. It publishes nothing
// unless the stage has exactly the bytes of an object of v's size, or if an invalidation
// since the epoch covers v. The stage is empty afterwards.
func (g *Stage) Commit(v Version, since uint64) (bytes int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	defer g.dropLocked()
	if g.over || g.filled != g.size || v.Size != g.size {
		return 0
	}
	g.c.life.RLock() // Close drops what is published before it, and nothing later
	defer g.c.life.RUnlock()
	if g.c.life.closed || g.c.epochs.Stale(since, v.Bucket, v.Key) {
		return 0
	}
	o := g.c.open(v, since)
	defer g.c.leave(o)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.dead {
		g.c.metrics.notAdmitted.Add(float64(len(g.pages)))
		return 0
	}
	rest := g.pages[:0]
	for _, p := range g.pages {
		if o.slots.get(p.no) != nil {
			rest = append(rest, p)
			continue
		}
		p.obj, p.done = o, true
		o.slots.set(p.no, p)
		o.resident++ // the stage's reference becomes the cache's
		g.c.lru.add(p, o.pinned.Load())
		g.c.inFlight.Add(-orderBytes(p.order))
		bytes += int64(p.size)
	}
	g.pages = rest
	return bytes
}

// Close gives back what was not published. Writes that come later are ignored. Closing
// again does nothing.
func (g *Stage) Close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.dropLocked()
}

func (g *Stage) dropLocked() {
	if !g.over {
		g.over = true
		g.c.staged.Add(-g.takes)
	}
	for _, p := range g.pages {
		g.c.inFlight.Add(-orderBytes(p.order))
		p.release(g.c.arena)
	}
	g.pages = nil
}
