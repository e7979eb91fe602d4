// Package writer writes a MemWAL table: it sends rows to the shards that they belong to, as LanceDB does.
//
//	Put, Delete -> split by the table's sharding -> shard.Writer of each shard, side by side
//
// Open reads what the table is: its columns and primary key, the indexes that it maintains, and how it is divided into
// shards. A table is not divided at all, or into buckets by a hash of a column, or has a shard for each value of a column. A
// shard is claimed when the first row goes there, or by Claim; each has a shard.Writer of its own, with its own log, memory and
// flushes.
//
// A put that spans shards is not one transaction: parts are acknowledged shard by shard, and a *PartialError says what
// became of each. Since rows replace those with the same key, to put the same rows again is always right.
//
// One writer at a time holds a shard. One that somebody else has claimed says wal.ErrFenced to every later call; Reopen
// takes it back, as does the next Put under Options.Reclaim, a few times, so that two writers do not take a shard from each
// other for ever. A shard that ended for another reason, such as a store that went silent, is claimed again by the next put,
// unless somebody else has claimed it meanwhile.
//
// Who owns what: rows are borrowed by the calls that take them. The store is borrowed until Close. A Writer is safe for
// concurrent use. The calls of one goroutine are applied in their order.
//
// The package reads no rows. Package lsm does: its snapshots contain what was flushed, and what the writer has acknowledged where it is
// the lsm.Options.Recent of the table.
package writer
