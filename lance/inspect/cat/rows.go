package cat

import (
	"context"
	"fmt"
	"iter"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/schema"
)

const (
	// batchBytes is about how much stored data becomes one batch.
	batchBytes = 4 << 20
	// readAheadBytes is how much of each buffer of a column is read at once.
	readAheadBytes = 1 << 20
)

// Options choose rows. The zero value is all of them.
type Options struct {
	// Columns are the names of top-level fields, in the order wanted; none means all.
	Columns []string
	// Offset is how many rows are left out at the beginning, deleted ones not counted.
	Offset int64
	// Limit is the most rows that are returned; 0 means all.
	Limit int64
}

// Batches are rows: a schema, and batches of it that the consumer releases. The sequence can be used once, stops after the
// first error, and holds one batch at a time.
type Batches struct {
	Schema *arrow.Schema
	All    iter.Seq2[arrow.RecordBatch, error]
}

// batchRows is how many rows of a file make a batch.
func batchRows(bytes, rows int64) int {
	if rows <= 0 || bytes <= 0 {
		return file.DefaultBatchRows
	}
	return int(min(max(batchBytes/max(bytes/rows, 1), 1), file.DefaultBatchRows))
}

// Table returns the live rows of a table or generation, fragment by fragment. Fragments in front of the offset are not
// read, nor is what of a fragment lies in front of it. It borrows the dataset.
func Table(ctx context.Context, d *dataset.Dataset, o Options) (*Batches, error) {
	fields, err := d.Schema().Project(o.Columns...)
	if err != nil {
		return nil, fmt.Errorf("cat: version %d: %w", d.Version(), err)
	}
	all := func(yield func(arrow.RecordBatch, error) bool) {
		skip, left := o.Offset, o.Limit
		for _, f := range d.Fragments() {
			rows, err := f.CountRows(ctx)
			if err != nil {
				yield(nil, fmt.Errorf("cat: fragment %d: %w", f.ID(), err))
				return
			}
			if skip >= rows {
				skip -= rows
				continue
			}
			for batch, err := range fragment(ctx, f, o.Columns, skip) {
				if err == nil {
					batch = cut(batch, &left, o.Limit)
				}
				if !yield(batch, err) || err != nil || o.Limit > 0 && left == 0 {
					return
				}
			}
			skip = 0
		}
	}
	return &Batches{schema.ArrowOf(fields, d.Schema().Metadata), all}, nil
}

// cut shortens a batch to what is left of a limit; without a limit it does nothing.
func cut(batch arrow.RecordBatch, left *int64, limit int64) arrow.RecordBatch {
	if limit <= 0 {
		return batch
	}
	if n := batch.NumRows(); n <= *left {
		*left -= n
		return batch
	}
	short := batch.NewSlice(0, *left)
	batch.Release()
	*left = 0
	return short
}

// fragment returns the live rows of a fragment from the given one on.
func fragment(ctx context.Context, f *dataset.Fragment, columns []string, skip int64) iter.Seq2[arrow.RecordBatch, error] {
	var bytes int64
	for i := range f.Meta().Files {
		bytes += int64(f.Meta().Files[i].SizeBytes)
	}
	n := batchRows(bytes, f.PhysicalRows())
	if skip == 0 {
		return f.Scan(ctx, dataset.ScanOptions{Columns: columns, BatchRows: n, ReadAheadBytes: readAheadBytes})
	}
	return func(yield func(arrow.RecordBatch, error) bool) {
		deleted, err := f.Deleted(ctx)
		if err != nil {
			yield(nil, fmt.Errorf("cat: fragment %d: %w", f.ID(), err))
			return
		}
		var rows []int64
		take := func() bool {
			batch, err := f.Take(ctx, rows, dataset.TakeOptions{Columns: columns})
			rows = rows[:0]
			return yield(batch, err) && err == nil
		}
		for row := range f.PhysicalRows() {
			if deleted != nil && deleted.Contains(uint32(row)) {
				continue
			}
			if skip > 0 {
				skip--
				continue
			}
			if rows = append(rows, row); len(rows) == n && !take() {
				return
			}
		}
		if len(rows) > 0 {
			take()
		}
	}
}

// File returns the rows of a file. It borrows the reader.
func File(ctx context.Context, r *file.Reader, o Options) (*Batches, error) {
	p, err := r.Project(o.Columns...)
	if err != nil {
		return nil, err
	}
	from := min(max(o.Offset, 0), r.NumRows())
	to := r.NumRows()
	if o.Limit > 0 {
		to = min(to, from+min(o.Limit, to))
	}
	return &Batches{p.Schema(), r.Scan(ctx, file.ScanOptions{
		Projection: p, Rows: []file.RowRange{{From: from, To: to}},
		BatchRows: batchRows(r.Size(), r.NumRows()), ReadAheadBytes: readAheadBytes,
	})}, nil
}
