// Package btree reads and writes Lance's BTree indexes: those on columns of a table, and the
// _pk_index that every flushed generation carries. It also holds Set, the membership
// object that says whether a primary key occurs in a generation.
//
// An index is two Lance files. page_data.lance holds every row of the column in order
// of its value, nulls first, beside the row's id; page_lookup.lance holds one line for
// each run of batch_size of those rows, called a page:
//
//	page_lookup.lance   min  max  null_count  page_idx        read whole on Open
//	page_data.lance     values                ids             read page by page
//	                    |- page 0 -|- page 1 -|- ... -|
//
// A lookup searches the lines in memory, reads the pages that can hold the value, and
// searches those; nothing else is touched. A Value is one searchable value, free of
// Arrow; the order of values is the one Lance sorts by: floats in IEEE total order, so
// that NaN is the greatest, but with both zeros equal, as LanceDB's queries take them.
//
// Ids are what the index stores: row offsets in a _pk_index, row addresses or stable
// row ids in an index of a table. The _pk_index keeps a line for every physical row,
// superseded duplicates and tombstones included; who looks up must apply deletions.
//
// A Builder collects values and ids and writes an index of them, as LanceDB would: BuildOptions
// make that of a table, KeyOptions a _pk_index. Rows of one value come in the order of
// their ids.
//
// Ownership: an Index owns the files that it opened, and keeps recently used pages
// within Options.CacheBytes; Close gives both back. An Index and a Set may be used by
// many goroutines at once; a SetBuilder and a Builder belong to one. A Builder retains the
// arrays it was given until Release.
//
// Errors: ErrCorrupt for an index that contradicts itself, ErrUnsupported for value
// types and layouts not read here, ErrType for a lookup with a value of another type
// than the index's. Errors of files and storage come through wrapped.
//
// The package does not know which rows are live. Composite primary
// keys are encoded as LanceDB 0.39 encodes them, compared byte for byte with indexes of
// its making over every type of key that it takes.
package btree
