package lsm

import (
	"context"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/hearthcache/hearth/lance/bloom"
	"github.com/hearthcache/hearth/lance/btree"
	"github.com/hearthcache/hearth/lance/schema"
)

// ref is a row: the source, by number, and the address there. A source of -1 is no row.
type ref struct {
	source int
	addr   uint64
}

// locator finds the rows of keys.
type locator struct {
	q       *query
	cols    []arrow.Array
	values  []btree.Value
	refs    []ref
	pending []int // keys that no source has settled yet
}

// locate finds the visible row of each key.
func (q *query) locate(ctx context.Context, cols []arrow.Array, n int) ([]ref, error) {
	l := &locator{q: q, cols: cols, values: make([]btree.Value, n), refs: make([]ref, n), pending: make([]int, n)}
	for i := range n {
		l.refs[i], l.pending[i] = ref{source: -1}, i
		var err error
		if l.values[i], err = indexValue(cols, i); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
		}
	}
	filters, release, err := q.blooms(ctx, cols)
	if err != nil {
		return nil, err
	}
	defer release()
	shardOf := q.snap.router(cols)
	for i, src := range q.snap.sources {
		if len(l.pending) == 0 {
			break
		}
		if src.isBase() {
			err = l.inBase(ctx, i)
		} else {
			err = l.inGeneration(ctx, i, filters[i], shardOf)
		}
		if err != nil {
			return nil, src.wrap(err)
		}
	}
	return l.refs, nil
}

// blooms reads the bloom filters of all generations side by side; nil stands for none, and for keys that the filters
// know nothing of.
func (q *query) blooms(ctx context.Context, cols []arrow.Array) (filters []*bloom.Filter, release func(), err error) {
	filters = make([]*bloom.Filter, len(q.snap.sources))
	held := make([]func(), len(filters))
	release = func() {
		for _, r := range held {
			if r != nil {
				r()
			}
		}
	}
	for _, c := range cols {
		if !bloom.Supported(c.DataType()) {
			return filters, release, nil
		}
	}
	one := func(ctx context.Context, i int) (err error) {
		filters[i], held[i], err = q.snap.sources[i].bloom(ctx)
		return err
	}
	if len(filters) == 2 {
		err = one(ctx, 0)
	} else {
		g, gctx := errgroup.WithContext(ctx)
		g.SetLimit(max(8, q.snap.table.opts.Parallel))
		for i, src := range q.snap.sources {
			if !src.isBase() {
				g.Go(func() error { return one(gctx, i) })
			}
		}
		err = g.Wait()
	}
	if err != nil {
		release()
		return nil, nil, err
	}
	return filters, release, nil
}

// router returns what says which shard holds a key, where that follows from the key: the table is divided by a column
// of it. ok is false when it does not.
func (s *Snapshot) router(cols []arrow.Array) func(src *source, row int) (elsewhere bool) {
	none := func(*source, int) bool { return false }
	if len(s.details.Specs) != 1 || len(s.details.Specs[0].Fields) != 1 {
		return none
	}
	spec := s.details.Specs[0]
	ids := spec.Fields[0].SourceIDs
	if len(ids) != 1 {
		return none
	}
	at := slices.IndexFunc(s.key, func(f *schema.Field) bool { return f.ID == ids[0] })
	if at < 0 {
		return none
	}
	bySpec := map[uuid.UUID]bool{}
	for _, m := range s.manifests {
		bySpec[m.ShardID] = m.ShardSpecID == spec.ID
	}
	return func(src *source, row int) bool {
		shard, err := spec.Shard(cols[at], row)
		return err == nil && bySpec[src.shard] && shard != src.shard
	}
}
