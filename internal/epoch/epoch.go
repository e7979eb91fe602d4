// Package epoch decides whether something learned from the origin may still
// enter a cache, or was overtaken by an invalidation while it was on its way.
//
// A [Log] numbers invalidations. Whoever starts to learn something (a HEAD, a
// fill) first takes [Log.Now]; when the answer is there, it enters the cache
// inside [Log.Publish], which runs the insertion only if no invalidation that
// covers the key was added since. An invalidator calls [Log.Add] first and
// deletes afterwards. Between them the two rules leave no gap:
//
//	learner:      t = Now() ... origin ... Publish(t, key, insert)
//	invalidator:  Add(key)  ... delete key from every cache
//
//	INVARIANT: an insertion either happens before Add returns, and is then
//	deleted by the invalidator, or it sees the entry and does not happen.
//
// The log remembers a bounded number of invalidations. A learner so old that
// the log no longer reaches back to its start is refused: it costs a fetch,
// never a stale byte.
//
// All methods are safe for concurrent use. Publish holds a read lock while the
// insertion runs, so insertions must be short and must not call Add.
package epoch

import (
	"strings"
	"sync"
	"sync/atomic"
)

// DefaultDepth is the number of invalidations a log remembers unless told
// otherwise. A fill lasts at most minutes; 8192 writes in that time through one
// sidecar is more than the origin connection carries, and an overflow only costs
// the oldest fills their admission.
const DefaultDepth = 8192

// A Scope is what one invalidation covers.
type Scope struct {
	// Bucket is the bucket the invalidation is about; empty covers every bucket.
	Bucket string
	// Key is one object key, or a key prefix if Prefix is set.
	Key string
	// Prefix makes Key a prefix; the empty prefix covers the whole bucket.
	Prefix bool
}

// Covers reports whether the object bucket/key falls under s.
func (s Scope) Covers(bucket, key string) bool {
	switch {
	case s.Bucket == "":
		return true
	case s.Bucket != bucket:
		return false
	case s.Prefix:
		return strings.HasPrefix(key, s.Key)
	default:
		return s.Key == key
	}
}

// A Log is a bounded, numbered list of invalidations. The zero value is not
// usable; see [NewLog].
type Log struct {
	now atomic.Uint64 // number of the latest entry; entries are numbered from 1

	mu   sync.RWMutex
	ring []Scope // entry n lives at ring[n%len(ring)]. Guarded by mu
}

// NewLog returns a log that remembers the last depth invalidations; depth <= 0
// means [DefaultDepth].
func NewLog(depth int) *Log {
	if depth <= 0 {
		depth = DefaultDepth
	}
	return &Log{ring: make([]Scope, depth)}
}

// Now returns the current epoch. Take it before the first byte, header or table
// entry that the later Publish depends on is read.
func (l *Log) Now() uint64 { return l.now.Load() }

// Add records an invalidation. When it returns, no insertion that began to be
// learned earlier can succeed any more for a key that s covers; the caller then
// deletes what is already there.
func (l *Log) Add(s Scope) {
	l.mu.Lock()
	n := l.now.Load() + 1
	l.ring[n%uint64(len(l.ring))] = s
	l.now.Store(n)
	l.mu.Unlock()
}

// Publish runs insert and reports true if no invalidation covering bucket/key
// was added after since; otherwise it reports false and insert does not run.
func (l *Log) Publish(since uint64, bucket, key string, insert func()) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.staleLocked(since, bucket, key) {
		return false
	}
	insert()
	return true
}

// Stale reports whether an invalidation covering bucket/key was added after
// since. The answer may be outdated when it arrives; use Publish to act on it.
func (l *Log) Stale(since uint64, bucket, key string) bool {
	if since == l.now.Load() {
		return false
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.staleLocked(since, bucket, key)
}

func (l *Log) staleLocked(since uint64, bucket, key string) bool {
	now := l.now.Load()
	if now-since > uint64(len(l.ring)) {
		return true // the log no longer reaches back that far
	}
	for n := since + 1; n <= now; n++ {
		if l.ring[n%uint64(len(l.ring))].Covers(bucket, key) {
			return true
		}
	}
	return false
}
