// Package storage is the small random-access layer that the Lance reader and writer stand on.
//
// A [Store] names objects by slash-separated paths relative to its root and opens them as [Object]: a size and
// positioned reads, nothing else. [Dir] is a Store over a local directory, [Sub] one over a folder of another Store, and
// [ReadRanges] turns many small ranges of one object into few reads.
//
// A [Writer] is a Store that takes objects, each whole: [Dir], [MemStore] and [SubWriter]. Its one promise beyond that is
// PutOptions.IfAbsent: of many that create a path, one succeeds. Versions of tables are committed with it.
//
// Who owns what: an Object belongs to the caller that opened it and must be closed. Reads fill memory of the caller, so
// an Object never keeps a buffer. Stores and Objects are safe for concurrent use; Close is not to be called while
// reads are in flight.
//
// Errors: a path that does not exist is [ErrNotFound]. A range outside an object is [ErrRange]; it is answered before any
// memory is reserved, so a length read from a damaged file cannot make the process allocate it. A path that was to be created
// and is there is [ErrExists]. Cancellation comes through as the context's own error.
//
// The package does not cache and speaks no protocol: a store over HTTP or over a page cache implements the same interfaces
// elsewhere.
package storage
