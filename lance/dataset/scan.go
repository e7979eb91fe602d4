package dataset

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/internal/fault"
)

// RowAddrColumn is the name of the column that ScanOptions.WithRowAddr adds.
const RowAddrColumn = "_rowaddr"

// RowAddr is the address of a row: its fragment and its number there.
func RowAddr(fragment uint64, row int64) uint64 { return fragment<<32 | uint64(row) }

// ScanOptions choose what a scan returns. The zero value is all live rows and all fields.
type ScanOptions struct {
	// Columns are the names of top-level fields, in the order wanted; none means all.
	Columns []string
	// WithRowAddr adds the row addresses as the last column.
	WithRowAddr bool
	// WithDeleted returns deleted rows too.
	WithDeleted bool
	// BatchRows and ReadAheadBytes as in file.ScanOptions.
	BatchRows      int
	ReadAheadBytes int64
}

// Scan returns the rows in batches, fragment by fragment. A batch never spans fragments. It stops after the first error. The
// consumer releases each batch.
func (d *Dataset) Scan(ctx context.Context, o ScanOptions) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		for _, f := range d.fragments {
			for batch, err := range f.Scan(ctx, o) {
				if !yield(batch, err) || err != nil {
					return
				}
			}
		}
	}
}

// Scan returns the rows of the fragment in batches. See Dataset.Scan.
func (f *Fragment) Scan(ctx context.Context, o ScanOptions) iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		if o.BatchRows <= 0 {
			o.BatchRows = file.DefaultBatchRows
		}
		live := []file.RowRange{{From: 0, To: f.PhysicalRows()}}
		var err error
		if !o.WithDeleted {
			live, err = f.live(ctx)
		}
		var p *plan
		if err == nil {
			p, err = f.plan(ctx, o.Columns, o.WithRowAddr)
		}
		if err != nil {
			yield(nil, f.wrap(err))
			return
		}
		defer p.release()
		p.scan(ctx, live, o, yield)
	}
}

func (f *Fragment) wrap(err error) error {
	return fmt.Errorf("lance dataset: fragment %d: %w", f.meta.ID, err)
}

// scan runs the scans of all parts side by side.
func (p *plan) scan(ctx context.Context, live []file.RowRange, o ScanOptions, yield func(arrow.RecordBatch, error) bool) {
	nexts := make([]func() (arrow.RecordBatch, error, bool), len(p.parts))
	for i, x := range p.parts {
		next, stop := iter.Pull2(x.of.r.Scan(ctx, file.ScanOptions{
			Projection: x.proj, Rows: live, BatchRows: o.BatchRows, ReadAheadBytes: o.ReadAheadBytes,
		}))
		defer stop()
		nexts[i] = next
	}
	left := live
	for len(left) > 0 {
		var rows []file.RowRange
		rows, left = cut(left, int64(o.BatchRows))
		got := make([]arrow.RecordBatch, len(nexts))
		var err error
		for i, next := range nexts {
			b, e, ok := next()
			if e == nil && !ok {
				e = fault.Corruptf("scan ended early")
			}
			if e != nil {
				err = e
				break
			}
			got[i] = b
		}
		var batch arrow.RecordBatch
		if err == nil {
			batch, err = p.assemble(got, rows, o.WithRowAddr)
		}
		for _, b := range got {
			if b != nil {
				b.Release()
			}
		}
		if err != nil {
			err = p.f.wrap(err)
		}
		if !yield(batch, err) || err != nil {
			return
		}
	}
}

// cut takes the first n rows off ranges.
func cut(ranges []file.RowRange, n int64) (head, tail []file.RowRange) {
	for i, r := range ranges {
		k := r.To - r.From
		if k > n {
			if n > 0 {
				head = append(head, file.RowRange{From: r.From, To: r.From + n})
			}
			tail = slices.Clone(ranges[i:])
			tail[0].From += n
			return head, tail
		}
		head = append(head, r)
		if n -= k; n == 0 {
			return head, ranges[i+1:]
		}
	}
	return head, nil
}
