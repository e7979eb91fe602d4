package file

import (
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/schema"
)

// match finds the column of each field of the schema in a batch.
func (w *Writer) match(batch arrow.RecordBatch) ([]arrow.Array, error) {
	if int(batch.NumCols()) != len(w.schema.Fields) {
		return nil, fmt.Errorf("lance file: a batch of %d columns for %d fields", batch.NumCols(), len(w.schema.Fields))
	}
	cols := make([]arrow.Array, len(w.schema.Fields))
	for i, f := range w.schema.Fields {
		k := i
		if batch.ColumnName(i) != f.Name {
			found := batch.Schema().FieldIndices(f.Name)
			if len(found) != 1 {
				return nil, fmt.Errorf("lance file: field %q: %w in the batch", f.Name, ErrNoColumn)
			}
			k = found[0]
		}
		c := batch.Column(k)
		if ext, ok := c.DataType().(arrow.ExtensionType); ok {
			if err := checkType(f, ext.StorageType()); err != nil {
				return nil, err
			}
		} else if err := checkType(f, c.DataType()); err != nil {
			return nil, err
		}
		if err := checkNulls(f, c); err != nil {
			return nil, err
		}
		cols[i] = c
	}
	return cols, nil
}

// checkType compares the type of an array with its field.
func checkType(f *schema.Field, t arrow.DataType) error {
	if ext, ok := t.(arrow.ExtensionType); ok {
		t = ext.StorageType()
	}
	if f.Unsupported != nil {
		return f.Unsupported
	}
	if f.Type.ID() != t.ID() {
		return typeError(f, t)
	}
	var members []arrow.Field
	switch t := t.(type) {
	case arrow.NestedType:
		members = t.Fields()
	default:
		if !arrow.TypeEqual(f.Type, t) {
			return typeError(f, t)
		}
		return nil
	}
	if f.IsLeaf() {
		// A fixed-size list: what its items are called, and whether they may be null, is not part of a Lance type.
		if a, err := schema.LogicalType(t); err != nil || a != f.LogicalType {
			return typeError(f, t)
		}
		return nil
	}
	if len(members) != len(f.Children) {
		return typeError(f, t)
	}
	for i, c := range f.Children {
		if f.LogicalType == "struct" && members[i].Name != c.Name {
			return typeError(f, t)
		}
		if err := checkType(c, members[i].Type); err != nil {
			return err
		}
	}
	return nil
}

func typeError(f *schema.Field, t arrow.DataType) error {
	return fmt.Errorf("lance file: field %q: an array of %s for a field of %s", f.Name, t, f.Type)
}

// checkNulls refuses nulls where the schema says there are none.
func checkNulls(f *schema.Field, a arrow.Array) error {
	if !f.Nullable && a.NullN() > 0 && a.DataType().ID() != arrow.NULL {
		return fmt.Errorf("lance file: field %q: %w", f.Name, ErrNull)
	}
	return nil
}

// ErrNull says that there are nulls in a field that cannot be null.
var ErrNull = errors.New("lance file: nulls in a field without nulls")
