// Package file reads Lance files of versions 2.0, 2.1 and 2.2 into Arrow, and writes them.
//
// A file is data buffers, global buffers, the metadata of its columns and a footer that says where those are:
//
//	data buffers | global buffers (0 = schema) | column metadata | CMO table | GBO table | footer
//	                                           A                 B           C           (40 bytes)
//
// [Open] reads the tail and parses all of that; the [Reader] then knows every byte range of every column and page
// ([Reader.ColumnRanges]) without having read any data. Values come as Arrow record batches: [Reader.ReadAll],
// [Reader.ReadRows] for a range of rows, [Reader.Take] for arbitrary rows, touching only the chunks that hold them, and
// [Reader.Scan] for batches in order. A [Projection] chooses the columns and says which fields of a table they are.
//
// Who owns what: a Reader owns the object it was opened on; Close closes it. Batches belong to the caller, who releases
// them; their memory comes from the allocator in [Options]. A Reader may be used by many goroutines at once.
//
// Errors: bytes that contradict themselves are [ErrCorrupt]; an encoding, layout or version that is not implemented is
// [ErrUnsupported] and says its name; a result larger than the limit in Options is [ErrTooLarge]. They name the object
// and, where one is known, the offset. A damaged file is never a panic, and no length in it is believed before it is
// compared with what is there.
//
// A [Writer] takes record batches and writes such files front to back, pages as they fill. How values are encoded is chosen by
// what they are, as Lance does; sizes come out like its own. Where LanceDB 0.39 misreads what is valid (nulls above lists, pages
// that differ in what can be null), the Writer keeps to what it reads right. A Writer belongs to one goroutine; batches stay the
// caller's; types that have no encoding are ErrUnsupported when the Writer is made.
//
// The package knows no tables, fragments or deletions; those are in lance/dataset.
package file
