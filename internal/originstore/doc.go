// Package originstore makes a bucket of an origin a store that package lance reads from and writes to.
//
// A [Store] is a bucket and a prefix at an [origin.Client]; paths are keys below the prefix. It opens objects by their
// tail, or without a request where the size is known, and reads ranges with one GET each:
//
//	Open("data/x.lance")       GET {prefix}/data/x.lance, the last 64 KiB, which reads of them then take
//	ReadRange(p, off)          GET, Range, If-Match, checked against size and ETag
//	List("_versions")          LIST, delimiter /
//	ListAll("_mem_wal/...")    LIST, everything below
//	Put("data/x.lance", ...)   PUT, with If-None-Match: * for what must not be there, or a multipart upload
//	Delete("data/x.lance")     DELETE
//
// An object stays the one that was opened: its ETag, taken from the first answer, binds every later read, and
// an object that was replaced meanwhile is [origin.ErrChanged] rather than a mixture of both.
//
// Who owns what: a Store borrows its client. Objects hold no connection and need no Close. Reads fill memory of the
// caller. Everything is safe for concurrent use.
//
// Errors are those of the origin; a key that is not there is [storage.ErrNotFound] too, one that is there and must not be
// [storage.ErrExists], a range outside of an object [storage.ErrRange], a path that is none [storage.ErrPath].
//
// The package caches nothing. Retries of reads are the client's; writes are sent once.
package originstore
