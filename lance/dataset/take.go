package dataset

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/internal/gather"
	"github.com/hearthcache/hearth/lance/schema"
)

// TakeOptions choose what Take returns.
type TakeOptions struct {
	// Columns are the names of top-level fields, in the order wanted; none means all.
	Columns []string
	// WithDeleted returns deleted rows too; otherwise they are ErrRow.
	WithDeleted bool
}

// Take returns the rows with the addresses, in their order; an address may occur more than once. Only the chunks that hold a
// row are read. The caller releases the batch.
func (d *Dataset) Take(ctx context.Context, addrs []uint64, o TakeOptions) (arrow.RecordBatch, error) {
	wanted := map[uint64][]int64{}
	var order []uint64
	for _, a := range addrs {
		id := a >> 32
		if wanted[id] == nil {
			order = append(order, id)
		}
		wanted[id] = append(wanted[id], int64(a&math.MaxUint32))
	}
	if len(order) == 0 {
		return d.empty(o.Columns)
	}
	batches := make([]arrow.RecordBatch, 0, len(order))
	defer func() {
		for _, b := range batches {
			b.Release()
		}
	}()
	// The rows of a fragment are read as they lie, each once. They are put in the order wanted at the end.
	place := make(map[uint64]int, len(order))
	for k, id := range order {
		f := d.byID[id]
		if f == nil {
			return nil, fmt.Errorf("lance dataset: fragment %d: %w", id, ErrRow)
		}
		slices.Sort(wanted[id])
		wanted[id] = slices.Compact(wanted[id])
		b, err := f.Take(ctx, wanted[id], o)
		if err != nil {
			return nil, err
		}
		batches = append(batches, b)
		place[id] = k
	}
	var runs []gather.Run
	for _, a := range addrs {
		at, _ := slices.BinarySearch(wanted[a>>32], int64(a&math.MaxUint32))
		runs = gather.Add(runs, place[a>>32], at)
	}
	if len(batches) == 1 && len(runs) == 1 && runs[0].Hi == int(batches[0].NumRows()) && runs[0].Lo == 0 {
		batches[0].Retain()
		return batches[0], nil
	}
	return d.merge(batches, runs, len(addrs))
}

// merge makes one batch of runs of rows of batches.
func (d *Dataset) merge(batches []arrow.RecordBatch, runs []gather.Run, rows int) (arrow.RecordBatch, error) {
	cols := make([]arrow.Array, 0, batches[0].NumCols())
	defer func() {
		for _, c := range cols {
			c.Release()
		}
	}()
	parts := make([]arrow.Array, len(batches))
	for i := range int(batches[0].NumCols()) {
		for k, b := range batches {
			parts[k] = b.Column(i)
		}
		c, err := gather.Arrays(parts, runs, d.limit())
		if err != nil {
			return nil, fmt.Errorf("lance dataset: take: field %q: %w", batches[0].ColumnName(i), err)
		}
		cols = append(cols, c)
	}
	return array.NewRecordBatch(batches[0].Schema(), cols, int64(rows)), nil
}

// empty is a batch without rows.
func (d *Dataset) empty(columns []string) (arrow.RecordBatch, error) {
	fields, err := d.schema.Project(columns...)
	if err != nil {
		return nil, fmt.Errorf("lance dataset: %w", err)
	}
	cols := make([]arrow.Array, 0, len(fields))
	defer func() {
		for _, c := range cols {
			c.Release()
		}
	}()
	for _, f := range fields {
		c, err := d.nulls(f, 0)
		if err != nil {
			return nil, err
		}
		cols = append(cols, c)
	}
	return array.NewRecordBatch(schema.ArrowOf(fields, d.schema.Metadata), cols, 0), nil
}

// Take returns rows of the fragment by number. See Dataset.Take.
func (f *Fragment) Take(ctx context.Context, rows []int64, o TakeOptions) (arrow.RecordBatch, error) {
	if err := f.checkRows(ctx, rows, o.WithDeleted); err != nil {
		return nil, f.wrap(err)
	}
	p, err := f.plan(ctx, o.Columns, false)
	if err != nil {
		return nil, f.wrap(err)
	}
	defer p.release()
	got := make([]arrow.RecordBatch, 0, len(p.parts))
	defer func() {
		for _, b := range got {
			b.Release()
		}
	}()
	for _, x := range p.parts {
		b, err := x.of.r.Take(ctx, x.proj, rows)
		if err != nil {
			return nil, f.wrap(err)
		}
		got = append(got, b)
	}
	batch, err := p.assemble(got, []file.RowRange{{From: 0, To: int64(len(rows))}}, false)
	if err != nil {
		return nil, f.wrap(err)
	}
	return batch, nil
}

func (f *Fragment) checkRows(ctx context.Context, rows []int64, withDeleted bool) error {
	bm, err := f.Deleted(ctx)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row < 0 || row >= f.PhysicalRows() {
			return fmt.Errorf("row %d of %d: %w", row, f.PhysicalRows(), ErrRow)
		}
		if bm != nil && !withDeleted && bm.Contains(uint32(row)) {
			return fmt.Errorf("row %d is deleted: %w", row, ErrRow)
		}
	}
	return nil
}
