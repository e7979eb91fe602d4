package lsm

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/google/uuid"

	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm/recent"
)

// heldRun is what a source has that is a run of rows in the memory of a writer: the run, and a cache of its own for what is
// decoded of it, which ends with the last snapshot that has the run.
type heldRun struct {
	run   recent.Run
	cache *Cache
}

// decodedBytes bounds what is kept decoded of a run by what its encoded form takes.
func decodedBytes(encoded int64) int64 { return 4*encoded + 1<<20 }

func (m *heldRun) close() {
	if m != nil {
		_ = m.cache.Close() // always nil: it was open
		m.run.Release()
	}
}

// cache is where decoded objects of the source are.
func (s *source) cache() DatasetCache {
	if s.memory != nil {
		return s.memory.cache
	}
	return s.table.cache
}

// sequence orders sources of one generation.
func (s *source) sequence() uint64 {
	if s.memory != nil {
		return s.memory.run.Sequence
	}
	return 0
}

// wrapMemory names the source in an error. Nothing of a run is ever gone, so no refresh would help.
func (s *source) wrapMemory(err error) error {
	if errors.Is(err, storage.ErrNotFound) {
		return fmt.Errorf("%s, shard %s: %v", s.name(), s.shard, err) // not wrapped on purpose
	}
	return fmt.Errorf("%s, shard %s: %w", s.name(), s.shard, err)
}

// recentRuns returns what writers hold in memory. The caller releases it.
func (t *Table) recentRuns(ctx context.Context) ([]recent.Run, error) {
	if t.opts.Recent == nil {
		return nil, nil
	}
	return t.opts.Recent.Runs(ctx)
}

// overtaken says whether the base holds the generation of a run that a manifest still leaves to be read. Mostly the generation was
// published and merged between the reading of the one and of the other, and then the base may hold newer rows than the run.
func overtaken(runs []recent.Run, manifests []*memwal.ShardManifest, details *memwal.IndexDetails) bool {
	shards := byShard(manifests)
	return slices.ContainsFunc(runs, func(r recent.Run) bool {
		return r.In(shards[r.Shard]) && r.Generation <= details.CompactedGeneration(r.Shard)
	})
}

func byShard(manifests []*memwal.ShardManifest) map[uuid.UUID]*memwal.ShardManifest {
	out := make(map[uuid.UUID]*memwal.ShardManifest, len(manifests))
	for _, m := range manifests {
		out[m.ShardID] = m
	}
	return out
}

// addRuns makes sources of the runs that the manifests leave to be read, or retains those that there are already. It returns
// the runs that are left over.
func (s *Snapshot) addRuns(runs []recent.Run, reuse map[string]*source) (left []recent.Run) {
	shards := byShard(s.manifests)
	for _, r := range runs {
		p := path.Join(s.table.path, "memory", r.ID) // no object has it
		old := reuse[p]
		switch {
		case !r.In(shards[r.Shard]):
			left = append(left, r)
		case old != nil:
			s.sources = append(s.sources, old.retain())
			left = append(left, r)
		default:
			s.sources = append(s.sources, &source{
				table: s.table, path: p, store: r.Store, shard: r.Shard, generation: r.Generation, users: 1, opened: newLazy[*opened](),
				memory: &heldRun{run: r, cache: NewCache(decodedBytes(r.Bytes))},
			})
		}
	}
	return left
}
