package dataset

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/storage"
)

// Compacted says that the generations of a shard up to one are in the base table.
type Compacted struct {
	Shard      uuid.UUID
	Generation uint64
}

// MemWALDetails returns what a table says of its write-ahead log: how it is sharded and which indexes generations have. ok is
// false when it has none.
func (m *Manifest) MemWALDetails() (d *memwal.IndexDetails, ok bool, err error) {
	i := m.memWAL()
	if i < 0 {
		return nil, false, nil
	}
	var value []byte
	if a := m.Indexes[i].Details; a != nil {
		value = a.Value
	}
	d, err = memwal.DecodeIndexDetails(value)
	return d, err == nil, err
}

// memWAL is the number of the MemWAL index, -1 when there is none.
func (m *Manifest) memWAL() int {
	return slices.IndexFunc(m.Indexes, func(x pb.IndexMetadata) bool { return strings.EqualFold(x.Name, memwal.IndexName) })
}

// InstallMemWAL makes a table one with a write-ahead log, as LanceDB's setLsmWriteSpec does: it commits the MemWAL index with the
// details. One that is there is replaced.
func InstallMemWAL(ctx context.Context, w storage.Writer, base *Manifest, d *memwal.IndexDetails, o CommitOptions) (*Manifest, error) {
	o = o.withDefaults()
	return Commit(ctx, w, base, Changes{Indexes: []pb.IndexMetadata{memWALIndex(base.Version, d, o.Now())}}, o)
}

func memWALIndex(version uint64, d *memwal.IndexDetails, now time.Time) pb.IndexMetadata {
	ms := uint64(now.UnixMilli())
	return pb.IndexMetadata{
		UUID: newUUID(), Name: memwal.IndexName, DatasetVersion: version, CreatedAtMs: &ms,
		Details: &pb.Any{TypeURL: memwal.IndexDetailsURL, Value: memwal.EncodeIndexDetails(d)},
	}
}

// markCompacted records generations in the MemWAL index of m and returns their messages.
func markCompacted(m *Manifest, gens []Compacted, now time.Time) ([][]byte, error) {
	if len(gens) == 0 {
		return nil, nil
	}
	i := m.memWAL()
	if i < 0 {
		return nil, fmt.Errorf("%w: the table has no MemWAL index", ErrConflict)
	}
	d, _, err := m.MemWALDetails()
	if err != nil {
		return nil, err
	}
	var out [][]byte
	for _, g := range gens {
		if done := d.CompactedGeneration(g.Shard); done >= g.Generation {
			return nil, fmt.Errorf("%w: generations of shard %s up to %d are compacted", ErrConflict, g.Shard, done)
		}
		d.SetCompacted(g.Shard, g.Generation)
		out = append(out, memwal.EncodeCompacted(memwal.CompactedSSTable{Shard: g.Shard, Generation: g.Generation}))
	}
	m.Indexes[i] = memWALIndex(m.Version-1, d, now)
	return out, nil
}
