// Package shard writes one shard of a MemWAL table: rows come in, are acknowledged once they are durable in the log, lie in
// a MemTable, and leave it as generations.
//
//	Put, Delete -> group -> wal.Append -> MemTable -> flush: generation.Write -> Warm -> manifest commit
//
// A Writer has one goroutine that appends: whatever callers bring while an entry is under way goes into the next one
// together (group commit), so that many small puts cost few objects. Another goroutine flushes: a MemTable that is full, or
// old, or asked for is frozen, and a new one takes the next rows meanwhile. Rows in memory are bounded; beyond the bound
// callers wait, and those that cannot get ErrBusy.
//
// What was acknowledged survives: it is in the log until a generation that holds it is published, and whoever claims the
// shard next replays it. A Writer that was fenced or whose store went silent in the middle of a put says so to every later
// caller; open a new one to go on.
//
// Runs gives readers what is in memory, encoded when they ask and beside the writer; see package recent. A run lives as long
// as somebody reads it, also when its MemTable has been published or the Writer has been closed.
//
// A Writer is safe for concurrent use. Batches are borrowed by the calls that take them.
package shard
