// Package generation writes the generations of a MemWAL table: what a MemTable becomes when it is flushed.
//
// A Layout is what all generations of a table have in common: the table's columns with a tombstone behind them, the primary
// key, the version of the files, and the indexes that the table maintains. It is read from the base once. Layout.Write then
// makes one generation in a folder of its own: the data, the maintained indexes, the index of the primary key, the deletions
// of rows that a later row of the same MemTable supersedes, and the bloom filter, as LanceDB's flush does. Nobody reads
// the folder before a shard manifest names it, so a write that fails leaves objects behind that harm nobody.
//
// Batches are borrowed. A Layout is immutable and safe for concurrent use. Errors are those of the packages below, and
// ErrUnsupported, which names what a table has that cannot be kept up here.
package generation
