package pagecache

import (
	"hash/maphash"
	"sync"

	"github.com/hearthcache/hearth/internal/epoch"
)

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
	if o.idleLocked() {
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
	if only != nil || scope.Bucket != "" && !scope.Prefix {
		from = t.shard(scope.Key)
		to = from + 1
	}
	for i := from; i < to; i++ {
		s := &t.shards[i]
		s.Lock()
		if only != nil {
			if o := s.objects[*only]; o != nil {
				delete(s.objects, *only)
				found = append(found, o)
			}
			s.Unlock()
			continue
		}
		for v, o := range s.objects {
			if scope.Covers(v.Bucket, v.Key) {
				delete(s.objects, v)
				found = append(found, o)
			}
		}
		s.Unlock()
	}
	return found
}

// each calls f for every object below bucket and prefix until it returns false. No lock
// is held while f runs, so objects may come, go and die meanwhile.
func (t *table) each(bucket, prefix string, f func(*object) bool) {
	scope := epoch.Scope{Bucket: bucket, Key: prefix, Prefix: true}
	var found []*object
	for i := range t.shards {
		s := &t.shards[i]
		found = found[:0]
		s.RLock()
		for v, o := range s.objects {
			if scope.Covers(v.Bucket, v.Key) {
				found = append(found, o)
			}
		}
		s.RUnlock()
		for _, o := range found {
			if !f(o) {
				return
			}
		}
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
