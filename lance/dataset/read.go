package dataset

import (
	"context"
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/internal/gather"
	"github.com/hearthcache/hearth/lance/internal/sink"
	"github.com/hearthcache/hearth/lance/schema"
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

// part is some of the wanted fields, from one data file.
type part struct {
	of     *openFile
	proj   *file.Projection
	fields []*schema.Field
}

// plan says where the wanted fields of a fragment come from.
type plan struct {
	f      *Fragment
	fields []*schema.Field
	parts  []part
	// from[i] is the part and the column in it of field i; part -1 is a field that the fragment does not have: null.
	from   [][2]int
	schema *arrow.Schema
}

func (p *plan) release() {
	for _, x := range p.parts {
		p.f.d.files.release(x.of)
	}
}

// plan opens the data files that hold the fields. The caller releases it.
func (f *Fragment) plan(ctx context.Context, columns []string, rowAddr bool) (_ *plan, err error) {
	fields, err := f.d.schema.Project(columns...)
	if err != nil {
		return nil, err
	}
	p := &plan{f: f, fields: fields, from: make([][2]int, len(fields))}
	defer func() {
		if err != nil {
			p.release()
		}
	}()
	wanted := make([][]*schema.Field, len(f.meta.Files))
	at := make([]int, len(fields))
	for i, fld := range fields {
		k, err := f.fileOf(fld)
		if err != nil {
			return nil, err
		}
		at[i] = k
		if k >= 0 {
			wanted[k] = append(wanted[k], fld)
		}
	}
	partOf := make([]int, len(f.meta.Files))
	for k, fs := range wanted {
		if len(fs) == 0 {
			continue
		}
		of, err := f.d.files.acquire(ctx, &f.meta.Files[k], f.PhysicalRows())
		if err != nil {
			return nil, err
		}
		partOf[k] = len(p.parts)
		p.parts = append(p.parts, part{of: of, fields: fs})
		x := &p.parts[len(p.parts)-1]
		if x.proj, err = of.r.ProjectFields(fs, f.columnsOf(k)); err != nil {
			return nil, err
		}
	}
	for i, k := range at {
		p.from[i] = [2]int{-1, 0}
		if k >= 0 {
			x := partOf[k]
			p.from[i] = [2]int{x, slices.Index(p.parts[x].fields, fields[i])}
		}
	}
	p.schema = schema.ArrowOf(fields, f.d.schema.Metadata)
	if rowAddr {
		md := p.schema.Metadata()
		fs := append(p.schema.Fields(), arrow.Field{Name: RowAddrColumn, Type: arrow.PrimitiveTypes.Uint64})
		p.schema = arrow.NewSchema(fs, &md)
	}
	return p, nil
}

// columnsOf maps field ids to columns of data file k.
func (f *Fragment) columnsOf(k int) map[int32]int {
	df := &f.meta.Files[k]
	m := make(map[int32]int, len(df.Fields))
	for i, id := range df.Fields {
		m[id] = int(df.ColumnIndices[i])
	}
	return m
}

// fileOf is the data file that holds a top-level field with all below it, -1 when none has any of it. Which fields of a tree a
// file lists depends on its version and on how they are stored.
func (f *Fragment) fileOf(top *schema.Field) (int, error) {
	found := -1
	var err error
	for k := range f.meta.Files {
		df := &f.meta.Files[k]
		top.Walk(func(x *schema.Field) {
			if !slices.Contains(df.Fields, x.ID) {
				return
			}
			if found >= 0 && found != k && err == nil {
				err = fault.Unsupportedf("field %q in several data files", top.Name)
			}
			found = k
		})
	}
	return found, err
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

func (d *Dataset) mem() memory.Allocator {
	if d.opts.File.Allocator != nil {
		return d.opts.File.Allocator
	}
	return memory.DefaultAllocator
}

func (d *Dataset) limit() *sink.Limit {
	n := d.opts.File.MaxColumnBytes
	if n <= 0 {
		n = file.DefaultMaxColumnBytes
	}
	return &sink.Limit{Mem: d.mem(), MaxBytes: n}
}

// nulls is a column of nulls.
func (d *Dataset) nulls(f *schema.Field, n int64) (arrow.Array, error) {
	data, err := gather.Nulls(f.Type, int(n), d.limit())
	if err != nil {
		return nil, fmt.Errorf("field %q: %w", f.Name, err)
	}
	defer data.Release()
	return array.MakeFromData(data), nil
}

// assemble puts the columns of the parts in the order of the fields, with nulls for fields that no file has.
func (p *plan) assemble(got []arrow.RecordBatch, rows []file.RowRange, rowAddr bool) (arrow.RecordBatch, error) {
	var n int64
	for _, r := range rows {
		n += r.To - r.From
	}
	cols := make([]arrow.Array, 0, len(p.fields)+1)
	defer func() {
		for _, c := range cols {
			c.Release()
		}
	}()
	for i, at := range p.from {
		if at[0] < 0 {
			c, err := p.f.d.nulls(p.fields[i], n)
			if err != nil {
				return nil, err
			}
			cols = append(cols, c)
			continue
		}
		c := got[at[0]].Column(at[1])
		if int64(c.Len()) != n {
			return nil, fault.Corruptf("%d rows, want %d", c.Len(), n)
		}
		c.Retain()
		cols = append(cols, c)
	}
	if rowAddr {
		b := array.NewUint64Builder(p.f.d.mem())
		defer b.Release()
		b.Reserve(int(n))
		for _, r := range rows {
			for row := r.From; row < r.To; row++ {
				b.UnsafeAppend(RowAddr(p.f.meta.ID, row))
			}
		}
		cols = append(cols, b.NewArray())
	}
	return array.NewRecordBatch(p.schema, cols, n), nil
}

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
