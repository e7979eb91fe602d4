package pagecache

import (
	"hash/maphash"
	"sync"

	"github.com/hearthcache/hearth/internal/epoch"
)

// shards spread the lock of the object table.
const shards = 64

// A table finds objects by version. Versions of one key are chained behind one hash of
// bucket and key: a lookup hashes these two once, where a map by version would hash four
// fields (half of the hit path), and an invalidation of one key, which every write makes
// twice, finds its versions without looking at others.
type table struct {
	seed   maphash.Seed
	shards [shards]tableShard
}

type tableShard struct {
	sync.RWMutex
	first map[uint64]*object // by hash; older ones follow by object.next
	count int
	_     [88]byte // to two cache lines, which processors fetch as one
}

func newTable() *table {
	t := &table{seed: maphash.MakeSeed()}
	for i := range t.shards {
		t.shards[i].first = make(map[uint64]*object)
	}
	return t
}

func (t *table) hash(bucket, key string) uint64 {
	return maphash.String(t.seed, key) ^ maphash.String(t.seed, bucket)*31
}

func (t *table) shard(hash uint64) *tableShard { return &t.shards[hash%shards] }

// get returns the object of v with one more user, or nil.
func (t *table) get(v Version) *object {
	hash := t.hash(v.Bucket, v.Key)
	s := t.shard(hash)
	s.RLock()
	defer s.RUnlock()
	o := s.findLocked(hash, &v)
	if o != nil {
		o.users.Add(1)
	}
	return o
}

func (s *tableShard) findLocked(hash uint64, v *Version) *object {
	o := s.first[hash]
	for o != nil && o.Version != *v {
		o = o.next
	}
	return o
}

// versions returns the objects of a key, newest first, each with one more user.
func (t *table) versions(bucket, key string) []*object {
	hash := t.hash(bucket, key)
	s := t.shard(hash)
	s.RLock()
	defer s.RUnlock()
	var found []*object
	for o := s.first[hash]; o != nil; o = o.next {
		if o.Key == key && o.Bucket == bucket {
			o.users.Add(1)
			found = append(found, o)
		}
	}
	return found
}

// maxVersions of one key are kept. Only keys that somebody else overwrites have more than
// one, and of those only the newest is of use; chains must not grow with every overwriting.
const maxVersions = 8

// insert puts o in unless there is one already; it returns the one that is in, with one
// more user, and those that have to make room for it, taken out.
func (t *table) insert(o *object) (in *object, crowded []*object) {
	hash := t.hash(o.Bucket, o.Key)
	s := t.shard(hash)
	s.Lock()
	defer s.Unlock()
	if in = s.findLocked(hash, &o.Version); in == nil {
		in = o
		o.next = s.first[hash]
		s.first[hash] = o
		s.count++
		versions := 0
		crowded = s.cutLocked(hash, func(have *object) bool {
			if have.Key == o.Key && have.Bucket == o.Bucket {
				versions++
			}
			return versions > maxVersions
		})
	}
	in.users.Add(1)
	return in, crowded
}

// sweep takes o out if nothing of it is left.
func (t *table) sweep(o *object) {
	hash := t.hash(o.Bucket, o.Key)
	s := t.shard(hash)
	s.Lock()
	defer s.Unlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.idleLocked() {
		o.dead = true
		s.cutLocked(hash, func(have *object) bool { return have == o })
	}
}

// cutLocked takes the objects of one chain that match out and appends them to found.
func (s *tableShard) cutLocked(hash uint64, match func(*object) bool) (found []*object) {
	first := s.first[hash]
	for link := &first; *link != nil; {
		o := *link
		if !match(o) {
			link = &o.next
			continue
		}
		found = append(found, o)
		*link, o.next = o.next, nil
		s.count--
	}
	if first == nil {
		delete(s.first, hash)
	} else {
		s.first[hash] = first
	}
	return found
}

// cut takes all objects under scope out of the table and returns them. only, if not
// nil, narrows it to one version.
func (t *table) cut(scope epoch.Scope, only *Version) []*object {
	match := func(o *object) bool {
		return scope.Covers(o.Bucket, o.Key) && (only == nil || *only == o.Version)
	}
	if only != nil || scope.Bucket != "" && !scope.Prefix {
		hash := t.hash(scope.Bucket, scope.Key)
		s := t.shard(hash)
		s.Lock()
		defer s.Unlock()
		return s.cutLocked(hash, match)
	}
	var found []*object
	for i := range t.shards {
		s := &t.shards[i]
		s.Lock()
		for hash := range s.first { // entries of hashes looked at already may be deleted
			found = append(found, s.cutLocked(hash, match)...)
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
		for _, o := range s.first {
			for ; o != nil; o = o.next {
				if scope.Covers(o.Bucket, o.Key) {
					found = append(found, o)
				}
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
		n += t.shards[i].count
		t.shards[i].RUnlock()
	}
	return n
}
