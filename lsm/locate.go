package lsm

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"golang.org/x/sync/errgroup"

	"github.com/hearthcache/hearth/lance/bloom"
	"github.com/hearthcache/hearth/lance/btree"
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
	elsewhere := q.snap.router(cols)
	filters, release, err := q.blooms(ctx, cols, n, elsewhere)
	if err != nil {
		return nil, err
	}
	defer release()
	for i, src := range q.snap.sources {
		if len(l.pending) == 0 {
			break
		}
		if src.isBase() {
			err = l.inBase(ctx, i)
		} else {
			err = l.inGeneration(ctx, i, filters[i], elsewhere)
		}
		if err != nil {
			return nil, src.wrap(err)
		}
	}
	return l.refs, nil
}

// blooms reads the bloom filters of all generations that some of n keys can be in side by side; nil stands for none, and for
// keys that the filters know nothing of.
func (q *query) blooms(ctx context.Context, cols []arrow.Array, n int, elsewhere func(*source, int) bool) (filters []*bloom.Filter, release func(), err error) {
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
		k := 0
		for k < n && elsewhere(q.snap.sources[i], k) {
			k++
		}
		if k == n {
			return nil
		}
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
