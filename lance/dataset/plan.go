package dataset

import (
	"context"
	"fmt"
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
