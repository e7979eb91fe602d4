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

// A page holds the bytes [no*pageBytes, +size) of one version of an object. Its bytes
// are written by one fill and never change once ready is closed.
//
// refs starts at 1. While the page is filled that reference is the fill's; once
// published it is the cache's; every reader holds its own. The block goes back to the
// arena with the last one. Retain only under obj.mu, where the page was found: eviction
// clears the slot under the same lock before it releases.
type page struct {
	obj   *object
	fill  *fill // immutable: the fill that writes the page
	no    int64
	size  int32 // bytes of content
	order uint8
	block int32
	refs  atomic.Int32
	used  atomic.Bool // read since it was last looked at by eviction

	ready chan struct{} // closed when err and the bytes are final
	err   error         // set before ready is closed
	done  bool          // ready is closed. Guarded by obj.mu

	// Guarded by lru.mu.
	segment    segment
	prev, next *page
}

func (p *page) bytes(a *arena) []byte { return a.bytes(p.block, int(p.size)) }

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
		a.dealloc(p.block, p.order)
	case n < 0:
		panic("pagecache: page released twice")
	}
}
