// Package pagecache keeps pages of objects in memory and fetches what is missing.
//
// A [Version] is one state of one object; it is cut into pages. A [Cache] holds pages by
// version and number. A [Reader] delivers a byte range of a version; pages that are
// missing are fetched from a [Source] in runs, and every page is handed to all who wait
// for it as soon as its bytes are there.
//
//	Read ── page resident? ── yes ──────────────────────────────> its memory
//	          │ no
//	          ├─ in flight? ── join, wait for this page alone ───> its memory
//	          └─ claim the run: from here on others join
//	             reserve its memory, start a fill of it
//	                │      no memory to be had: stream past the cache
//	                v
//	             Source.ReadRange ── page ── page ── page   published one by one
//
// Memory is one arena outside the Go heap ([Options.MemoryBytes]), cut into blocks of
// powers of two, so that the tail of an object takes only what it needs. Everything is
// reserved before it is fetched: the limit includes what is in flight.
//
// Pages never change. They are reference counted: the cache holds one reference, each
// reader one for the page it is at and one for each that was in flight when it looked
// ahead, be it for somebody else; memory comes back with the last. Bytes that Next returns
// are borrowed until the next call.
//
// Eviction is a segmented LRU kept lazily (see lru.go): a hit sets a bit and takes no
// lock but the object's. Pins keep the pages at and below a path, within a budget.
//
// A fill belongs to the cache, not to the reader that started it: it ends early only when
// nobody waits for its pages any more. Errors go to those who wait and are not
// remembered. A fill that finds the object changed drops the version's pages.
//
// What is written is not fetched: a [Stage] takes the bytes of an object on their way to
// the origin into pages of the same memory, and enters them once its version is known.
//
// This is memory alone. The place of a tier beneath it is between claim and launch: a
// claimed page is to be had from somewhere, and everybody who wants it waits already.
//
// The cache does not know HTTP, names of objects mean nothing to it, and it never decides
// whether a version is current: its callers do.
package pagecache
