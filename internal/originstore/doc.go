// Package originstore makes a bucket of an origin a store that package lance reads from.
//
// A [Store] is a bucket and a prefix at an [origin.Client]; paths are keys below the prefix. It opens objects with one
// HEAD, or with none where the size is known, and reads ranges with one GET each:
//
//	Open("data/x.lance")       HEAD {prefix}/data/x.lance
//	ReadRange(p, off)          GET, Range, If-Match, checked against size and ETag
//	List("_versions")          LIST, delimiter /
//	ListAll("_mem_wal/...")    LIST, everything below
//
// An object stays the one that was opened: its ETag, taken from the HEAD or the first GET, binds every later read, and
// an object that was replaced meanwhile is [origin.ErrChanged] rather than a mixture of both.
//
// Who owns what: a Store borrows its client. Objects hold no connection and need no Close. Reads fill memory of the
// caller. Everything is safe for concurrent use.
//
// Errors are those of the origin; a key that is not there is [storage.ErrNotFound] too, a range outside of an object
// [storage.ErrRange], a path that is none [storage.ErrPath].
//
// The package caches nothing and writes nothing. Retries are the client's.
package originstore
