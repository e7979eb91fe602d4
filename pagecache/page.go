package pagecache

import (
	"sync/atomic"

	"github.com/hearthcache/hearth/internal/invariants"
)

// segment says which list a page is on.
type segment uint8

const (
	unlisted  segment = iota // being filled, or evicted
	probation                // came in, not used again yet
	protected                // used again
	pinned                   // below a pinned prefix and within the pin budget
)

// noBlock is the block of a page that has no memory yet, and the end of a free list.
const noBlock = int32(-1)

// A page holds the bytes [no*pageBytes, +size) of one version of an object. Its bytes
// are written by one fill and never change once done is set.
//
// refs starts at 1. While the page is filled that reference is the fill's; once
// published it is the cache's; every reader holds its own. The block goes back to the
// arena with the last one. Retain only under obj.mu, where the page was found: eviction
// clears the slot under the same lock before it releases.
//
// A page is small beside its bytes on purpose (the smallest are 4 KiB): it has a channel
// only if somebody had to wait for it, and lets go of its fill when it is done.
type page struct {
	obj   *object
	no    int64
	size  int32 // bytes of content
	block int32 // set before the fill starts
	refs  atomic.Int32
	used  atomic.Bool // read since it was last looked at by eviction
	order uint8

	// Guarded by lru.mu.
	segment segment

	// Guarded by obj.mu.
	done  bool          // the bytes and err are final, and may be read without the lock
	fill  *fill         // that writes the page; nil when done
	holds int           // readers that want the page; counted until it is done
	ready chan struct{} // made by the first who waits; closed when done
	err   error

	prev, next *page // Guarded by lru.mu
}

func (p *page) bytes(a *arena) []byte { return a.bytes(p.block, int(p.size)) }

// retain takes a reference. The caller holds obj.mu.
func (p *page) retain() {
	if n := p.refs.Add(1); n <= 1 {
		panic("pagecache: retain of a dead page")
	}
}

// release drops one reference.
func (p *page) release(a *arena) {
	switch n := p.refs.Add(-1); {
	case n == 0:
		if invariants.Enabled {
			invariants.Check(p.segment == unlisted, "pagecache: dead page %d is listed", p.no)
		}
		if p.block != noBlock {
			a.dealloc(p.block, p.order)
		}
	case n < 0:
		panic("pagecache: page released twice")
	}
}

// holdLocked takes a reference and a hold for a reader: the fill goes on at least until
// the page is done or the hold is given up. The page is in flight.
func (p *page) holdLocked() {
	p.retain()
	p.holds++
	p.fill.interest++
}

// forsakeLocked gives up a hold, not the reference. If nobody wants any page of its fill
// any more, the fill is cancelled.
func (p *page) forsakeLocked() {
	if p.done {
		return
	}
	p.holds--
	p.fill.interest--
	if p.fill.interest == 0 {
		p.fill.cancelLocked()
	}
}

// finishLocked makes the page final and wakes those who wait.
func (p *page) finishLocked(err error) {
	p.err, p.done, p.fill = err, true, nil
	if p.ready != nil {
		close(p.ready)
	}
}
