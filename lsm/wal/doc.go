// Package wal is the durable state of one shard of a MemWAL table: its manifests, and its write-ahead log. It knows
// neither rows nor indexes.
//
// A Log is one writer's hold on a shard, from Claim until somebody else claims it. The shard manifest carries an epoch that
// every claim raises, and the log is a row of objects with contiguous positions, each created on the condition that there is
// none yet. The two together fence: a claim raises the epoch first and then puts a sentinel at the end of the log, so that a
// writer of an older epoch either finished its entry before, and then the claim replays it, or finds the sentinel in its
// place and learns from the manifest that it is fenced. See Lance's MemWAL specification.
//
// Acknowledged means durable: Append returns nil once the entry is there and the writer was not fenced. When the store does
// not say what became of a put, the very same entry is put again at the same position; it names the attempt that made it
// (a nonce), so that what is found there can be told from the entry of somebody else. What cannot be settled ends the hold
// with ErrUnsettled: the entry was not acknowledged, and may or may not be there for the next claim.
//
// Entries may be collected after they were flushed, and then a writer that slept through its fencing would find its
// position free again. Hence a writer that last saw its epoch confirmed longer than half of the grace time ago confirms it
// after the put and before the acknowledgement; whoever collects waits for the whole of the grace time.
//
// A Log is safe for concurrent use; appends take turns. All paths are below the folder of the table.
package wal
