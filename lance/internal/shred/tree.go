package shred

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/schema"
)

// Column is a column of version 2.0: a leaf, the offsets of a list, or a struct, which has nothing but its members.
type Column struct {
	Field *schema.Field
	// Rows is the number of elements collected: rows of a top-level field, items of a list.
	Rows int64
	// Value and Valid are those of a leaf; Valid is empty while Nulls is 0.
	Value *Values
	Valid bitmap
	Nulls int64
	// Ends are where the lists end, counted in items since the last Reset; a null list ends where it begins.
	Ends     []uint64
	NullEnds []bool
	Items    uint64 // in all lists
	// Kind of the column.
	IsList, IsStruct bool
	children         []*Column
}

// NewColumns returns the columns of a top-level field in their order, the field's own first.
func NewColumns(f *schema.Field, mem memory.Allocator) ([]*Column, error) {
	if f.Unsupported != nil {
		return nil, f.Unsupported
	}
	if f.Metadata[schema.KeyBlob] == "true" {
		return nil, fault.Unsupportedf("blob column %q", f.Name)
	}
	if f.IsPacked() {
		return nil, fault.Unsupportedf("packed struct %q", f.Name)
	}
	if f.Type.ID() == arrow.MAP {
		return nil, fault.Unsupportedf("map %q in a file of version 2.0", f.Name)
	}
	c := &Column{Field: f, IsList: isList(f.Type), IsStruct: f.LogicalType == "struct"}
	out := []*Column{c}
	if !c.IsList && !c.IsStruct {
		v, err := NewValues(f.Type, mem)
		if err != nil {
			return nil, fmt.Errorf("field %q: %w", f.Name, err)
		}
		c.Value = v
		c.Valid.buf.mem = mem
		return out, nil
	}
	if len(f.Children) == 0 {
		return nil, fault.Unsupportedf("struct %q without members", f.Name)
	}
	for _, child := range f.Children {
		cs, err := NewColumns(child, mem)
		if err != nil {
			for _, x := range out {
				x.Release()
			}
			return nil, err
		}
		c.children = append(c.children, cs[0])
		out = append(out, cs...)
	}
	return out, nil
}

// Bytes is about how much memory the column holds.
func (c *Column) Bytes() int {
	n := 8 * len(c.Ends)
	if c.Value != nil {
		n += c.Value.Bytes() + len(c.Valid.buf.b)
	}
	return n
}

// Validity is the bitmap of a leaf, nil without nulls.
func (c *Column) Validity() []byte {
	if c.Nulls == 0 {
		return nil
	}
	return c.Valid.buf.b
}

// Reset empties the column, not its children.
func (c *Column) Reset() {
	c.Rows, c.Nulls, c.Items = 0, 0, 0
	c.Ends, c.NullEnds = c.Ends[:0], c.NullEnds[:0]
	if c.Value != nil {
		c.Value.Reset()
		c.Valid.reset()
	}
}

// Release gives the memory back, not that of the children.
func (c *Column) Release() {
	if c.Value != nil {
		c.Value.Release()
		c.Valid.buf.release()
	}
}

// Append appends elements lo to hi of an array to the column and those below it. Null structs, which version 2.0 cannot say,
// are fault.ErrUnsupported.
func (c *Column) Append(a arrow.Array, lo, hi int) error {
	if lo == hi {
		return nil
	}
	if ext, ok := a.(array.ExtensionArray); ok {
		a = ext.Storage()
	}
	switch {
	case c.IsStruct:
		if a.NullN() > 0 {
			for i := lo; i < hi; i++ {
				if a.IsNull(i) {
					return fault.Unsupportedf("a null struct %q in a file of version 2.0", c.Field.Name)
				}
			}
		}
		for k, child := range c.children {
			if err := child.Append(a.(*array.Struct).Field(k), lo, hi); err != nil {
				return err
			}
		}
	case c.IsList:
		if err := c.appendLists(a.(array.ListLike), lo, hi); err != nil {
			return err
		}
	default:
		c.appendLeaf(a, lo, hi)
	}
	c.Rows += int64(hi - lo)
	return nil
}

func (c *Column) appendLists(a array.ListLike, lo, hi int) error {
	items := a.ListValues()
	from, to := int64(0), int64(0) // items that lie together, not yet appended
	for i := lo; i < hi; i++ {
		null := a.IsNull(i)
		if !null {
			if s, e := a.ValueOffsets(i); s < e {
				if s != to {
					if err := c.children[0].Append(items, int(from), int(to)); err != nil {
						return err
					}
					from = s
				}
				to = e
				c.Items += uint64(e - s)
			}
		}
		c.Ends = append(c.Ends, c.Items)
		c.NullEnds = append(c.NullEnds, null)
	}
	return c.children[0].Append(items, int(from), int(to))
}

func (c *Column) appendLeaf(a arrow.Array, lo, hi int) {
	n := hi - lo
	if valid := validity(a); valid != nil {
		if c.Nulls == 0 {
			c.Valid.appendRun(true, int(c.Rows)-c.Valid.n)
		}
		for i := lo; i < hi; {
			j := i + 1
			is := valid(i)
			for j < hi && valid(j) == is {
				j++
			}
			c.Valid.appendRun(is, j-i)
			if !is {
				c.Nulls += int64(j - i)
			}
			i = j
		}
	} else if c.Nulls > 0 {
		c.Valid.appendRun(true, n)
	}
	if c.Value.t.ID() == arrow.NULL {
		c.Value.AppendEmpty(n)
		return
	}
	c.Value.Append(a, lo, hi)
}
