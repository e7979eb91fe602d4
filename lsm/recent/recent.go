// Package recent is what readers and writers of a table in one program know of each other: rows that are acknowledged and
// in no generation yet.
//
// A Source, which a writer is, gives them out as Runs: rows that were written one after another, encoded as a generation in
// memory that is read as any other. A run never changes, and lives until the reader who got it releases it, whatever becomes
// of the writer. Several runs of one MemTable stand in the order of their Sequence; the later hides rows of the earlier.
//
// Package lsm reads them and package lsm/shard makes them; neither imports the other.
//
// Errors: ErrNoRoom when readers hold on to so many older runs that no more are made; those of the encoding and of the context come
// through. Sources are safe for concurrent use.
//
// The package holds no rows, and knows nothing of other programs: what they have acknowledged and not published lies in their logs.
package recent

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/storage"
)

// ErrNoRoom says that runs which readers hold take all the memory that runs may take. It passes as they close snapshots.
var ErrNoRoom = errors.New("recent: readers hold too many rows of writers")

// Source gives out what a writer holds in memory.
type Source interface {
	// Runs returns a run for each stretch of rows that were acknowledged before the call and that no generation held when it
	// began: perhaps some that one holds when it ends. The caller releases each, once. When it fails there is nothing to
	// release.
	Runs(ctx context.Context) ([]Run, error)
}

// Run is a stretch of rows of one MemTable.
type Run struct {
	// ID names the run; no other is ever called so.
	ID string
	// Shard and Generation are where its rows will be published, Epoch is that of the claim they were written under.
	Shard      uuid.UUID
	Generation uint64
	Epoch      uint64
	// Sequence orders the runs of a generation, from 1 on: rows of a higher one are newer.
	Sequence uint64
	// Last is the position of its last row in the log.
	Last uint64
	// Store holds the run as a generation at its root, without bloom filter and vector indexes. Bytes is what that takes.
	Store storage.Store
	Bytes int64
	// Release gives the run back. Nothing of Store is to be used any more.
	Release func()
}

// In says whether a manifest leaves the run to be read: its rows are not published, and the shard is still the one that
// they were written to. m is nil for a shard that has none.
func (r *Run) In(m *memwal.ShardManifest) bool {
	return m != nil && m.WriterEpoch >= r.Epoch && m.ReplayAfter < r.Last
}

// ReleaseAll releases runs.
func ReleaseAll(runs []Run) {
	for _, r := range runs {
		r.Release()
	}
}
