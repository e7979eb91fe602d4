// Package indexcache keeps what was decoded of Lance tables, for the whole process: datasets with their schemas and
// footers, sets of primary keys, bloom filters, dictionaries of full-text indexes, vector indexes. It is to decoded
// objects what package pagecache is to bytes, and the counterpart of the index cache of a Lance session.
//
//	engine ── Get ──────┐         ┌── there: lent until release
//	                    ├── Cache ┤
//	warm ── preload ────┘     ^   └── else: load, which reads pages and decodes
//	                          │
//	invalidate, retire ── Evict, when the pages have gone
//
// The nouns: a [Cache] keeps an [Object] per [Key], that is the folder of a generation, by bucket and key, and a role. It
// has the methods that package lsm wants of a cache of datasets, so the engine and a warm that decodes find each other's
// objects, without this package knowing either.
//
// Who owns what, limits and eviction are those of package decoded, which does the work: objects are lent and counted,
// loads are shared and end early only when nobody waits, the least recently used objects leave first and those used
// again and again last, and what was being loaded while it was evicted is not kept. Everything may be called from many
// goroutines.
//
// Every object is derived from immutable bytes, so none gets old. What the cache must hear of is that a path is no
// longer what it was: [Cache.EvictPrefix] and [Cache.EvictObject], after the pages and facts beneath have gone.
//
// Errors of loads go to those who wait; [ErrClosed] comes after Close, and is shared with package decoded.
//
// The package does not decode: who asks brings the way to load. It does not know HTTP, the engine, or what lies beneath
// the objects, and keeps nothing over a restart, since decoding from resident pages takes milliseconds.
package indexcache
