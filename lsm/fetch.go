package lsm

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"golang.org/x/sync/errgroup"

	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lsm/internal/gather"
)

// fetch reads rows, in the order given. The caller releases the batch.
func (q *query) fetch(ctx context.Context, rows []ref, fields []*schema.Field, as *arrow.Schema) (arrow.RecordBatch, error) {
	mem := q.snap.table.opts.Allocator
	if len(rows) == 0 {
		b := array.NewRecordBuilder(mem, as)
		defer b.Release()
		return b.NewRecordBatch(), nil
	}
	bySource := map[int][]uint64{}
	for _, r := range rows {
		bySource[r.source] = append(bySource[r.source], r.addr)
	}
	parts := make([]arrow.RecordBatch, len(q.snap.sources))
	defer func() {
		for _, p := range parts {
			if p != nil {
				p.Release()
			}
		}
	}()
	one := func(ctx context.Context, i int, addrs []uint64) error {
		src, o, err := q.open(ctx, i)
		if err != nil {
			return err
		}
		c := o.conform(fields, as)
		b, err := takeRows(ctx, o, addrs, c)
		if err != nil {
			return src.wrap(err)
		}
		defer b.Release()
		parts[i], err = c.batch(mem, b.Columns(), b.NumRows())
		return src.wrap(err)
	}
	if len(bySource) == 1 {
		if err := one(ctx, rows[0].source, bySource[rows[0].source]); err != nil {
			return nil, err
		}
		b := parts[rows[0].source]
		b.Retain()
		return b, nil
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(q.snap.table.opts.Parallel)
	for i, addrs := range bySource {
		g.Go(func() error { return one(gctx, i, addrs) })
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	// The rows of one source stand in the order they were asked in, so the next of each is the one wanted.
	starts, total := make([]int, len(parts)), 0
	var filled []arrow.RecordBatch
	for i, p := range parts {
		if p != nil {
			starts[i] = total
			total += int(p.NumRows())
			filled = append(filled, p)
		}
	}
	order := make([]int, len(rows))
	for k, r := range rows {
		order[k] = starts[r.source]
		starts[r.source]++
	}
	all, err := concat(mem, as, filled)
	if err != nil {
		return nil, err
	}
	defer all.Release()
	return gather.Batch(mem, all, order)
}

// concat puts batches of one schema behind each other.
func concat(mem memory.Allocator, as *arrow.Schema, batches []arrow.RecordBatch) (arrow.RecordBatch, error) {
	cols := make([]arrow.Array, 0, as.NumFields())
	defer func() { releaseAll(cols) }()
	rows := int64(0)
	for _, b := range batches {
		rows += b.NumRows()
	}
	for i := range as.NumFields() {
		parts := make([]arrow.Array, len(batches))
		for k, b := range batches {
			parts[k] = b.Column(i)
		}
		c, err := array.Concatenate(parts, mem)
		if err != nil {
			return nil, err
		}
		cols = append(cols, c)
	}
	return array.NewRecordBatch(as, cols, rows), nil
}
