package jsonrows

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// entryBytes is about what a value takes beside its bytes: an offset or number, and its bit of validity.
const entryBytes = 9

// append takes the next value into a builder of a type.
func (d *decoder) append(b array.Builder, t arrow.DataType, nullable bool, v *value) error {
	if v.peek() == 'n' {
		v.word()
		if !nullable {
			return &Error{Message: "may not be null"}
		}
		return d.null(b, t)
	}
	if err := d.spend(entryBytes); err != nil {
		return err
	}
	switch b := b.(type) {
	case *array.ExtensionBuilder:
		return d.append(b.StorageBuilder(), t.(arrow.ExtensionType).StorageType(), nullable, v)
	case *array.StructBuilder:
		return d.appendStruct(b, t.(*arrow.StructType), v)
	case *array.MapBuilder: // before lists: a map is one
		return d.appendMap(b, t.(*arrow.MapType), v)
	case *array.FixedSizeListBuilder:
		return d.appendVector(b, t.(*arrow.FixedSizeListType), v)
	case array.ListLikeBuilder:
		list, ok := t.(arrow.ListLikeType)
		if !ok || v.peek() != '[' {
			return unfit(v, "an array")
		}
		b.Append(true)
		return d.elements(b.ValueBuilder(), list.ElemField(), v, -1)
	case array.DictionaryBuilder:
		return d.appendDictionary(b, t.(*arrow.DictionaryType), nullable, v)
	}
	return d.appendScalar(b, t, v)
}

// null appends a null.
func (d *decoder) null(b array.Builder, t arrow.DataType) error {
	if err := d.spend(NullBytes(t)); err != nil {
		return err
	}
	if list, ok := t.(*arrow.FixedSizeListType); ok && !list.ElemField().Nullable {
		b.AppendEmptyValue() // for elements that may not be null
		b.SetNull(b.Len() - 1)
		return nil
	}
	b.AppendNull()
	return nil
}

// NullBytes is about what a null of a type takes in an array.
func NullBytes(t arrow.DataType) int64 {
	switch t := t.(type) {
	case *arrow.FixedSizeListType:
		return 1 + int64(t.Len())*NullBytes(t.Elem())
	case *arrow.StructType:
		n := int64(1)
		for _, f := range t.Fields() {
			n += NullBytes(f.Type)
		}
		return n
	case arrow.ExtensionType:
		return NullBytes(t.StorageType())
	case arrow.FixedWidthDataType:
		return 1 + int64(t.Bytes())
	}
	return entryBytes
}

// elements takes an array into a builder of its elements; there must be n of them, unless n is negative.
func (d *decoder) elements(b array.Builder, f arrow.Field, v *value, n int) error {
	i := 0
	err := v.elements(func() error {
		if i++; n >= 0 && i > n {
			return nil // counted
		}
		if err := d.append(b, f.Type, f.Nullable, v); err != nil {
			return in(fmt.Sprintf("[%d]", i-1), err)
		}
		return nil
	})
	if err == nil && n >= 0 && i != n {
		err = &Error{Message: fmt.Sprintf("%d elements, must be %d", i, n)}
	}
	return err
}

func (d *decoder) appendVector(b *array.FixedSizeListBuilder, t *arrow.FixedSizeListType, v *value) error {
	if v.peek() != '[' {
		return unfit(v, fmt.Sprintf("an array of %d elements", t.Len()))
	}
	b.Append(true)
	return d.elements(b.ValueBuilder(), t.ElemField(), v, int(t.Len()))
}

func (d *decoder) appendStruct(b *array.StructBuilder, t *arrow.StructType, v *value) error {
	if v.peek() != '{' {
		return unfit(v, "an object")
	}
	b.Append(true)
	seen := make([]bool, t.NumFields())
	err := v.members(func(name string) error {
		i, ok := t.FieldIdx(name)
		if !ok {
			return &Error{Field: name, Message: "there is no such member"}
		}
		if seen[i] {
			return &Error{Field: name, Message: "given twice"}
		}
		seen[i] = true
		f := t.Field(i)
		return in(name, d.append(b.FieldBuilder(i), f.Type, f.Nullable, v))
	})
	for i, f := range t.Fields() {
		if err != nil {
			break
		}
		if seen[i] {
			continue
		}
		if !f.Nullable {
			return &Error{Field: f.Name, Message: "missing, and may not be null"}
		}
		err = in(f.Name, d.null(b.FieldBuilder(i), f.Type))
	}
	return err
}

func (d *decoder) appendMap(b *array.MapBuilder, t *arrow.MapType, v *value) error {
	if v.peek() != '[' {
		return unfit(v, `an array of {"key": ..., "value": ...}`)
	}
	b.Append(true)
	i := -1
	return v.elements(func() error {
		i++
		at := fmt.Sprintf("[%d]", i)
		if v.peek() != '{' {
			return in(at, unfit(v, `{"key": ..., "value": ...}`))
		}
		var key, item bool
		err := v.members(func(name string) error {
			switch {
			case name == "key" && !key:
				key = true
				return in(name, d.append(b.KeyBuilder(), t.KeyType(), false, v))
			case name == "value" && !item:
				item = true
				return in(name, d.append(b.ItemBuilder(), t.ItemType(), t.ItemField().Nullable, v))
			}
			return &Error{Field: name, Message: `an entry has one "key" and one "value"`}
		})
		if err == nil && !(key && item) {
			err = &Error{Message: `an entry has one "key" and one "value"`}
		}
		return in(at, err)
	})
}

// appendDictionary makes an array of the one value, which the builder looks up.
func (d *decoder) appendDictionary(b array.DictionaryBuilder, t *arrow.DictionaryType, nullable bool, v *value) error {
	one := array.NewBuilder(d.o.Allocator, t.ValueType)
	defer one.Release()
	if err := d.append(one, t.ValueType, nullable, v); err != nil {
		return err
	}
	a := one.NewArray()
	defer a.Release()
	if err := b.AppendArray(a); err != nil {
		return &Error{Message: fmt.Sprintf("more values than the dictionary has places for: %v", err)}
	}
	return nil
}

// unfit says that the next value is none of what is wanted.
func unfit(v *value, want string) error {
	return &Error{Message: v.excerpt() + " is not " + want}
}
