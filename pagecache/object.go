package pagecache

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/hearthcache/hearth/internal/epoch"
)

// A Version names one immutable state of one object. ETag is the origin's strong entity
// tag as received; Size is the length of the whole object in bytes.
type Version struct {
	Bucket, Key, ETag string
	Size              int64
}

// slotGroup is how many pages one leaf of an object's page table covers: small objects
// take one leaf, a 5 TiB object's root is 2.6 MiB, and leaves exist only where pages do.
const slotGroup = 256

// An object is the page table of one version.
//
// It lives in its shard's table while anything of it is resident, in flight or being
// read. Once dead it is out of the table for good: nothing is admitted into it any more,
// but fills and readers that hold it finish.
type object struct {
	Version
	users  atomic.Int64 // readers and fills. Raised only under the shard's lock or by a holder
	pinned atomic.Bool

	mu    sync.Mutex
	slots []*[slotGroup]*page // Guarded by mu
	pages int64               // published ones in slots. Guarded by mu
	dead  bool                // Guarded by mu
}

func (o *object) slotLocked(no int64) *page {
	group := o.slots[no/slotGroup]
	if group == nil {
		return nil
	}
	return group[no%slotGroup]
}

func (o *object) setSlotLocked(no int64, p *page) {
	group := o.slots[no/slotGroup]
	if group == nil {
		if p == nil {
			return
		}
		group = new([slotGroup]*page)
		o.slots[no/slotGroup] = group
	}
	group[no%slotGroup] = p
}

// eachLocked calls f for every page in a slot from the page first on.
func (o *object) eachLocked(first, last int64, f func(*page)) {
	for no := first; no <= last; {
		group := o.slots[no/slotGroup]
		if group == nil {
			no = (no/slotGroup + 1) * slotGroup
			continue
		}
		if p := group[no%slotGroup]; p != nil {
			f(p)
		}
		no++
	}
}

// shards spread the lock of the object table.
const shards = 64

// A table finds objects by version.
type table struct {
	seed   maphash.Seed
	shards [shards]struct {
		sync.RWMutex
		objects map[Version]*object
	}
}

func newTable() *table {
	t := &table{seed: maphash.MakeSeed()}
	for i := range t.shards {
		t.shards[i].objects = make(map[Version]*object)
	}
	return t
}

func (t *table) shard(key string) int { return int(maphash.String(t.seed, key) % shards) }

// get returns the object of v with one more user, or nil.
func (t *table) get(v Version) *object {
	s := &t.shards[t.shard(v.Key)]
	s.RLock()
	defer s.RUnlock()
	o := s.objects[v]
	if o != nil {
		o.users.Add(1)
	}
	return o
}

// insert puts o in unless there is one already; it returns the one that is in, with one
// more user.
func (t *table) insert(o *object) *object {
	s := &t.shards[t.shard(o.Key)]
	s.Lock()
	defer s.Unlock()
	if have := s.objects[o.Version]; have != nil {
		o = have
	} else {
		s.objects[o.Version] = o
	}
	o.users.Add(1)
	return o
}

// sweep takes o out if nothing of it is left.
func (t *table) sweep(o *object) {
	s := &t.shards[t.shard(o.Key)]
	s.Lock()
	defer s.Unlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.pages == 0 && o.users.Load() == 0 && !o.dead {
		o.dead = true
		if s.objects[o.Version] == o {
			delete(s.objects, o.Version)
		}
	}
}

// cut takes all objects under scope out of the table and returns them. only, if not
// nil, narrows it to one version.
func (t *table) cut(scope epoch.Scope, only *Version) []*object {
	var found []*object
	from, to := 0, shards
	if scope.Bucket != "" && !scope.Prefix {
		from = t.shard(scope.Key)
		to = from + 1
	}
	for i := from; i < to; i++ {
		s := &t.shards[i]
		s.Lock()
		for v, o := range s.objects {
			if scope.Covers(v.Bucket, v.Key) && (only == nil || *only == v) {
				delete(s.objects, v)
				found = append(found, o)
			}
		}
		s.Unlock()
	}
	return found
}

// each calls f for every object below bucket and prefix until it returns false. f runs
// under the shard's lock.
func (t *table) each(bucket, prefix string, f func(*object) bool) {
	scope := epoch.Scope{Bucket: bucket, Key: prefix, Prefix: true}
	for i := range t.shards {
		s := &t.shards[i]
		s.RLock()
		for v, o := range s.objects {
			if scope.Covers(v.Bucket, v.Key) && !f(o) {
				s.RUnlock()
				return
			}
		}
		s.RUnlock()
	}
}

// len returns the number of objects.
func (t *table) len() int {
	n := 0
	for i := range t.shards {
		t.shards[i].RLock()
		n += len(t.shards[i].objects)
		t.shards[i].RUnlock()
	}
	return n
}
