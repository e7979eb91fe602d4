package pagecache

import (
	"sync"
	"sync/atomic"
)

// A Version names one immutable state of one object. ETag is the origin's strong entity
// tag as received; Size is the length of the whole object in bytes.
type Version struct {
	Bucket, Key, ETag string
	Size              int64
}

// An object is the page table of one version.
//
// It lives in its shard's table while anything of it is resident, in flight or being
// read. Once dead it is out of the table for good: nothing is admitted into it any more,
// but fills and readers that hold it finish.
type object struct {
	Version
	users  atomic.Int64 // readers and fills. Raised only under the shard's lock or by a holder
	pinned atomic.Bool  // set under pins.mu only
	next   *object      // in the table's chain. Guarded by the shard's lock

	mu       sync.Mutex
	slots    slots // Guarded by mu
	resident int64 // published pages in slots. Guarded by mu
	dead     bool  // Guarded by mu
}

// eachLocked calls f for every page from first to last that is resident or in flight, in
// no order. f may empty the slot of the page it is given.
func (o *object) eachLocked(first, last int64, f func(*page)) { o.slots.each(first, last, f) }

// idleLocked reports whether nothing is left of o but itself.
func (o *object) idleLocked() bool {
	return o.resident == 0 && o.users.Load() == 0 && !o.dead
}
