package pagecache

import "sync"

// Unpinned bytes may sit in the protected segment up to protectedShare/shareUnit of them;
// the rest is always probation, so that new pages have a place to prove themselves.
const (
	protectedShare = 4
	shareUnit      = 5
)

// maxLooks bounds the search for a victim. Where all pages were used since they were
// last looked at, a full round would clear a million bits under the lock; after this
// many the oldest page that can go goes, used or not.
const maxLooks = 4096

// After ageAfter evictions one protected page is looked at, which loses its used bit, and
// falls back the second time if it was not used in between. At 8, a scan of six times the
// memory flushes nothing of a full protected segment.
const ageAfter = 8

// An lru orders pages for eviction: a segmented LRU that is kept lazily. A hit only
// sets the page's used bit, without a lock. Eviction looks at the oldest page of
// probation: used since it came in, it moves to protected; else it is the victim. When
// protected outgrows its share, its oldest pages fall back to probation, or get another
// round if they were used. So one long scan, whose pages are used once, passes through
// probation and leaves protected alone.
//
// Protected pages grow old even so, at one page for ageAfter evictions: else what was hot
// once would stay for good wherever the new hot set is larger than probation, whose pages
// then leave before they are used again.
//
// INVARIANT: a published page is on a list while it is in its slot, except between
// victim or takeAll and what their caller does to it.
type lru struct {
	pinBytes int64 // budget of the pinned segment

	mu    sync.Mutex
	lists [pinned + 1]pageList // by segment. Guarded by mu
	turn  int                  // evictions since a protected page was looked at. Guarded by mu
}

// A pageList is a doubly linked list with the byte total of its pages' blocks.
type pageList struct {
	newest, oldest *page
	pages          int64
	bytes          int64
}

func (l *lru) addLocked(p *page, s segment) {
	list := &l.lists[s]
	p.segment, p.prev, p.next = s, nil, list.newest
	if list.newest != nil {
		list.newest.prev = p
	} else {
		list.oldest = p
	}
	list.newest = p
	list.pages++
	list.bytes += orderBytes(p.order)
}

func (l *lru) removeLocked(p *page) {
	list := &l.lists[p.segment]
	if p.prev != nil {
		p.prev.next = p.next
	} else {
		list.newest = p.next
	}
	if p.next != nil {
		p.next.prev = p.prev
	} else {
		list.oldest = p.prev
	}
	p.segment, p.prev, p.next = unlisted, nil, nil
	list.pages--
	list.bytes -= orderBytes(p.order)
}

func (l *lru) moveLocked(p *page, s segment) {
	l.removeLocked(p)
	l.addLocked(p, s)
}

// pinnableLocked reports whether the pin budget has room for p.
func (l *lru) pinnableLocked(p *page) bool {
	return l.lists[pinned].bytes+orderBytes(p.order) <= l.pinBytes
}

// add lists a published page: pinned if asked for and the budget allows, else on probation.
func (l *lru) add(p *page, pin bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if pin && l.pinnableLocked(p) {
		l.addLocked(p, pinned)
		return
	}
	l.addLocked(p, probation)
}

// remove takes p off its list and reports whether it was on one.
func (l *lru) remove(p *page) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.segment == unlisted {
		return false
	}
	l.removeLocked(p)
	return true
}

// setPinned moves p in or out of the pinned segment, within the budget.
func (l *lru) setPinned(p *page, pin bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case p.segment == unlisted || pin == (p.segment == pinned):
	case !pin:
		l.moveLocked(p, probation)
	case l.pinnableLocked(p):
		l.moveLocked(p, pinned)
	}
}

// victim takes the page to evict next off its list; nil if every page is pinned or in
// use.
func (l *lru) victim() *page {
	l.mu.Lock()
	defer l.mu.Unlock()
	// Each page is looked at four times at most: to be promoted, to lose its bit, to fall
	// back and to go.
	most := 4 * (l.lists[probation].pages + l.lists[protected].pages + 1)
	for look := int64(0); look < most; look++ {
		l.balanceLocked()
		p := l.lists[probation].oldest
		if p == nil {
			if p = l.lists[protected].oldest; p == nil {
				return nil
			}
			l.moveLocked(p, probation)
			continue
		}
		switch {
		case p.refs.Load() > 1: // being read: its memory would not come back now
			l.moveLocked(p, probation)
		case p.obj.pinned.Load() && l.pinnableLocked(p): // found no room in the budget before
			l.moveLocked(p, pinned)
		case look < maxLooks && p.used.Load(): // the bit stays, and buys a round in protected
			l.moveLocked(p, protected)
		default:
			l.removeLocked(p)
			if l.turn++; l.turn == ageAfter {
				l.turn = 0
				l.ageLocked()
			}
			return p
		}
	}
	return nil
}

// balanceLocked looks at a protected page if there are too many.
func (l *lru) balanceLocked() {
	q := &l.lists[protected]
	if q.bytes/protectedShare > (q.bytes+l.lists[probation].bytes)/shareUnit {
		l.ageLocked()
	}
}

// ageLocked lets the oldest protected page fall back unless it was used.
func (l *lru) ageLocked() {
	p := l.lists[protected].oldest
	if p == nil {
		return
	}
	if p.used.Swap(false) {
		l.moveLocked(p, protected)
		return
	}
	l.moveLocked(p, probation)
}

// takeAll takes pages off their lists if all of them could be evicted now: listed, not
// pinned, in nobody's use. The victim among them is off already.
func (l *lru) takeAll(pages []*page, victim *page) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range pages {
		if p != victim && (p.segment != probation && p.segment != protected || p.refs.Load() > 1) {
			return false
		}
	}
	for _, p := range pages {
		if p != victim {
			l.removeLocked(p)
		}
	}
	return true
}

// totals returns pages and bytes by segment.
func (l *lru) totals() (t [pinned + 1]struct{ pages, bytes int64 }) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for s := range l.lists {
		t[s].pages, t[s].bytes = l.lists[s].pages, l.lists[s].bytes
	}
	return t
}
