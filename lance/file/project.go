package file

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/schema"
)

// Projection is a choice of fields of a file, bound to its columns. It is immutable and belongs to the Reader it came from.
type Projection struct {
	reader *Reader
	nodes  []*node
	schema *arrow.Schema
}

// Schema is the schema of the batches.
func (p *Projection) Schema() *arrow.Schema { return p.schema }

// Columns are the physical columns that the projection reads, in schema order.
func (p *Projection) Columns() []int {
	var out []int
	for _, n := range p.nodes {
		n.walk(func(n *node) {
			if n.col != nil {
				out = append(out, n.col.index)
			}
		})
	}
	return out
}

// node is a field bound to its column; in version 2.1 and later only leaves have one.
type node struct {
	field    *schema.Field
	col      *column
	children []*node
	chain    *chain // of a leaf, version 2.1 and later
}

func (n *node) walk(fn func(*node)) {
	fn(n)
	for _, c := range n.children {
		c.walk(fn)
	}
}

// Project chooses top-level fields of the file's own schema by name, in the order given; no names means all.
func (r *Reader) Project(names ...string) (*Projection, error) {
	fields, err := r.schema.Project(names...)
	if err != nil {
		return nil, r.at(r.footer.ColumnMetadata, err)
	}
	return r.ProjectFields(fields, nil)
}

// ProjectFields chooses fields of a table's schema. columns says which physical column holds the field with an id, as a
// manifest lists it; nil takes the order of the file's own schema. A field that has no column is ErrNoColumn.
func (r *Reader) ProjectFields(fields []*schema.Field, columns map[int32]int) (*Projection, error) {
	p, err := r.project(fields, columns)
	if err != nil {
		return nil, r.at(r.footer.ColumnMetadata, err)
	}
	return p, nil
}

func (r *Reader) project(fields []*schema.Field, columns map[int32]int) (*Projection, error) {
	if columns == nil {
		own := r.ColumnFields()
		if len(own) != len(r.columns) {
			return nil, fault.Unsupportedf("%d columns for a schema of %d", len(r.columns), len(own))
		}
		columns = make(map[int32]int, len(own))
		for i, f := range own {
			columns[f.ID] = i
		}
	}
	p := &Projection{reader: r, schema: schema.ArrowOf(fields, r.schema.Metadata)}
	for _, f := range fields {
		n, err := r.bind(f, columns)
		if err != nil {
			return nil, err
		}
		if r.footer.Version != V20 {
			if err := bindChains(n); err != nil {
				return nil, err
			}
		}
		if err := r.checkRows(n); err != nil {
			return nil, err
		}
		p.nodes = append(p.nodes, n)
	}
	return p, nil
}

// ColumnFields are the fields of the file's own schema that physical columns hold, in the order of the columns. There are as
// many as there are columns, unless the schema has something unknown here.
func (r *Reader) ColumnFields() []*schema.Field {
	var out []*schema.Field
	for _, top := range r.schema.Fields {
		top.Columns(r.footer.Version == V20, func(f *schema.Field) { out = append(out, f) })
	}
	return out
}

func (r *Reader) bind(f *schema.Field, columns map[int32]int) (*node, error) {
	n := &node{field: f}
	if f.Unsupported != nil {
		return nil, fmt.Errorf("%w: %w", fault.ErrUnsupported, f.Unsupported)
	}
	if f.IsPacked() {
		return nil, fault.Unsupportedf("packed struct %q", f.Name)
	}
	if f.Metadata[schema.KeyBlob] == "true" {
		return nil, fault.Unsupportedf("blob column %q", f.Name)
	}
	if f.IsEmpty() && f.ParentID >= 0 && r.footer.Version != V20 {
		return nil, fault.Unsupportedf("struct %q without fields inside another field", f.Name)
	}
	if r.footer.Version == V20 || f.IsLeaf() || f.IsEmpty() {
		i, ok := columns[f.ID]
		if !ok || i < 0 || i >= len(r.columns) {
			return nil, fmt.Errorf("%w: field %d %q of %d columns", ErrNoColumn, f.ID, f.Name, len(r.columns))
		}
		n.col = r.columns[i]
		if err := n.col.checkColumnEncoding(); err != nil {
			return nil, fmt.Errorf("field %q: %w", f.Name, err)
		}
	}
	for _, c := range f.Children {
		cn, err := r.bind(c, columns)
		if err != nil {
			return nil, err
		}
		n.children = append(n.children, cn)
	}
	return n, nil
}

// checkRows compares the rows of the columns of a top-level field with those of the file.
func (r *Reader) checkRows(top *node) error {
	var err error
	check := func(n *node) {
		if err == nil && n.col != nil && n.col.rows != r.rows {
			err = fault.Corruptf("column %d of field %q has %d rows, the file %d", n.col.index, n.field.Name, n.col.rows, r.rows)
		}
	}
	if r.footer.Version == V20 {
		check(top)
	} else {
		top.walk(check)
	}
	return err
}
