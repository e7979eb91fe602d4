// Package lsm queries Lance tables that are written through MemWAL: a base table and, for each shard, generations that
// were flushed since. It is compatible with what LanceDB 0.39 writes.
//
//	Table --Refresh--> Snapshot                          queries: Scan, Lookup, SearchText, Nearest
//	                      |                                  |
//	   shard A: gen 4 > gen 3 > gen 2 (gen 1 is compacted)   |  a row of a newer generation hides rows with its key
//	   shard B: gen 2 > gen 1                                |  in older ones of the shard, and in the base
//	                      >  base                            v
//	                      |                              Arrow records, and a Plan that says how
//	                      v
//	                DatasetCache: datasets, keys, bloom filters, indexes, decoded once
//
// A Table is opened by its folder in a Store. Open and Refresh find the shards, the newest manifest of each, and then the
// newest manifest of the base. A Snapshot is what they found. It never changes, and all queries on it agree; see its
// comment for what it contains, and docs/engine.md for what that means beside a writer.
//
// What may not be seen is settled before anything is counted: the mask of a source is its rows whose key occurs in a
// newer source, and its tombstones. Filters and masks apply before a search is cut to K, so K results are K live rows.
//
//	Scan        filters (package filter) are answered by BTree indexes where those exist and say enough, else by reading
//	            the filter's columns first; a filter that names primary keys is a lookup
//	Lookup      generations newest first: bloom filter, then primary-key index; the base by its BTree index of the key
//	SearchText  full-text indexes, rows that they do not cover by reading them; scores by figures of all visible rows
//	            together, or of each source by itself as in LanceDB
//	Nearest     vector indexes of generations, exact scans where an index is of a kind that is not read; distances are
//	            always exact
//
// Who owns what: a Table borrows its Store and owns its cache unless it was given one. Snapshots are counted and closed
// by those who take them. Records belong to the caller, who releases them. Tables, Snapshots and caches are safe for
// concurrent use; Close comes after the last query.
//
// Errors: ErrQuery for a query that makes no sense for the table, and in it the *filter.Error that knows the position;
// ErrNotFound for a path without a table; ErrStale when the objects of a snapshot are gone, which a Refresh heals;
// ErrUnsupported for what is not read. Errors of the format and the store come through wrapped, cancellation as itself.
// A query that fails leaves nothing behind, and what failed to load is tried again the next time.
//
// The package does not write, sees no rows that writers still hold in memory but those of Options.Recent, and knows nothing
// of HTTP, of object stores or of the cache beneath its Store. Columns are top-level ones; filters do not look into structs and lists.
package lsm
