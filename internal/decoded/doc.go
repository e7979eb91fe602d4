// Package decoded keeps objects that were decoded from immutable bytes: an index, a bloom filter, a schema.
//
// A [Cache] holds an [Object] per [Key]. Whoever needs one calls Get with a way to load it; those who need the
// same share one load. It is the mechanism beneath package indexcache, which serves the whole process, and beneath the
// default cache of package lsm, so that references, loads and eviction are written once.
//
//	Get ── there? ── yes ─────────────────────────────────> object, release
//	          │ no                                             │
//	          └─ load, shared ── evicted meanwhile? ── no ──> kept ── unused, oldest, too many bytes ──> closed
//	               │                   └─ yes ──> given to those who wait, then closed
//	               └─ nobody waits any more ──> cancelled
//
// Objects that nobody uses wait in two queues, the least recently used first: probation for those used once since they
// came, protected for the others. Probation leaves first, so one pass over many objects does not flush those that are
// used again and again.
//
// # Ownership
//
// The cache owns its objects. Get lends one until release, which may be called from any goroutine and does nothing when
// called again. An object that is evicted in use is closed by its last release. Objects are closed outside of the lock,
// by whoever gave them up. Loads run on goroutines of the cache; Close cancels them and waits for them.
//
// # Limits
//
// Bytes are what the objects say of themselves, asked when they arrive and when their last user releases them, since
// some grow. What is in use cannot be evicted: the limit is exceeded by that at most, and by what is being loaded.
//
// # Eviction
//
//	INVARIANT: what was being loaded when an eviction covered it is not kept, and nobody who asks after the eviction gets
//	it. So whoever makes the bytes beneath change does that first and evicts afterwards.
//
// [Options.Keep] says what may not be kept at all, as it could change without anybody telling.
//
// Errors of a load go to those who wait for it and are not remembered. A load that panics or ends its goroutine is an
// error too. [ErrClosed] says that the cache was closed.
//
// The package does not know what it keeps, does not decode, and has no metrics; [Cache.Stats] has the numbers.
package decoded
