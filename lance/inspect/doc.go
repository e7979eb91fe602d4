// Package inspect describes what Lance wrote, for people and for machines: a table, a generation, an index, a file.
//
// [Inspect] looks at one path of a store, finds out what lies there, and collects a [Report]: plain data, made of small
// structs with JSON names, without open files. [WriteText] renders a report as a person wants to read it; encoding/json
// renders it for machines.
//
//	_versions/ below the path           Table: versions, schema, fragments, indexes, MemWAL shards
//	... and it lies in _mem_wal/        the same for a generation, with its place in the table
//	page_lookup.lance, index.idx, ...   Index: what kind, its figures, its files
//	any other object                    File: columns, pages, encodings, buffers
//	{table}/_versions/{n}.manifest      the table at that version
//
// Only metadata is read: manifests, listings, the tails of files, the short entries of a WAL's tail; never a column of
// values, but for the bounds of a BTree. A part that cannot be read (a generation that is gone, an index of an unknown
// kind) does not hide the rest: it becomes a line of [Report.Problems].
//
// Errors: only what leaves nothing to show. storage.ErrNotFound for a path with nothing at it, [ErrUnknown] for one with
// something that is none of the above, and those of the packages that read, which name the object and the offset.
//
// Reports belong to the caller. The package keeps no state, speaks no protocol, and merges nothing: the rows of a table's
// generations are counted beside those of the table. Rows themselves are written by package cat below.
package inspect
