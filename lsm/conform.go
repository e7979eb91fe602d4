package lsm

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/schema"
)

// conform maps columns of a source to the fields of a snapshot.
type conform struct {
	schema *arrow.Schema
	from   []int    // column of the source's batch for each field, -1 for one that the source does not have
	names  []string // what to ask the source for
}

// conform prepares to read fields from a source.
func (o *opened) conform(fields []*schema.Field, as *arrow.Schema) *conform {
	c := &conform{schema: as, from: make([]int, len(fields))}
	for i, f := range fields {
		c.from[i] = -1
		if name, ok := o.names[f.ID]; ok {
			c.from[i] = len(c.names)
			c.names = append(c.names, name)
		}
	}
	return c
}

// batch makes a batch of the snapshot's schema of columns as they were asked for. The caller releases it.
func (c *conform) batch(mem memory.Allocator, cols []arrow.Array, rows int64) (arrow.RecordBatch, error) {
	out := make([]arrow.Array, 0, len(c.from))
	defer func() { releaseAll(out) }()
	for i, k := range c.from {
		want := c.schema.Field(i)
		if k < 0 {
			out = append(out, array.MakeArrayOfNull(mem, want.Type, int(rows)))
			continue
		}
		arr, err := retype(cols[k], want.Type)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", want.Name, err)
		}
		out = append(out, arr)
	}
	return array.NewRecordBatch(c.schema, out, rows), nil
}

// retype gives an array a type of the same layout, such as one whose items may be null where its own may not.
func retype(arr arrow.Array, want arrow.DataType) (arrow.Array, error) {
	if arrow.TypeEqual(arr.DataType(), want) {
		arr.Retain()
		return arr, nil
	}
	data, err := retypeData(arr.Data(), want)
	if err != nil {
		return nil, err
	}
	defer data.Release()
	return array.MakeFromData(data), nil
}

func retypeData(d arrow.ArrayData, want arrow.DataType) (arrow.ArrayData, error) {
	have := d.DataType()
	if arrow.TypeEqual(have, want) {
		d.Retain()
		return d, nil
	}
	h, ok1 := have.(arrow.NestedType)
	w, ok2 := want.(arrow.NestedType)
	if !ok1 || !ok2 || have.ID() != want.ID() || h.NumFields() != w.NumFields() || len(d.Children()) != w.NumFields() {
		return nil, fmt.Errorf("%w: %s in a generation, %s in the table", ErrUnsupported, have, want)
	}
	if a, ok := have.(*arrow.FixedSizeListType); ok && a.Len() != want.(*arrow.FixedSizeListType).Len() {
		return nil, fmt.Errorf("%w: %s in a generation, %s in the table", ErrUnsupported, have, want)
	}
	children := make([]arrow.ArrayData, 0, len(d.Children()))
	defer func() { releaseAll(children) }()
	for i, c := range d.Children() {
		x, err := retypeData(c, w.Fields()[i].Type)
		if err != nil {
			return nil, err
		}
		children = append(children, x)
	}
	return array.NewData(want, d.Len(), d.Buffers(), children, d.NullN(), d.Offset()), nil
}
