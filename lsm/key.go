package lsm

import (
	"fmt"
	"math"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/hearthcache/hearth/lance/btree"
	"github.com/hearthcache/hearth/lsm/filter"
)

// PrimaryKey is the primary key of one row: a value for each column of the key, in its order. A value is a string, a
// []byte, a bool, or any of Go's integers that fits the column's type; dates and timestamps are the integers they are
// stored as.
type PrimaryKey []any

// String renders the key for messages.
func (k PrimaryKey) String() string {
	parts := make([]string, len(k))
	for i, v := range k {
		parts[i] = fmt.Sprintf("%v", v)
		if s, ok := v.(string); ok {
			parts[i] = fmt.Sprintf("%q", s)
		}
	}
	return strings.Join(parts, ", ")
}

// keyArrays makes columns of keys. The caller releases them.
func (s *Snapshot) keyArrays(keys []PrimaryKey) ([]arrow.Array, error) {
	cols := make([]arrow.Array, 0, len(s.key))
	for c, f := range s.key {
		b := array.NewBuilder(s.table.opts.Allocator, f.Type)
		for i, k := range keys {
			if len(k) != len(s.key) {
				b.Release()
				releaseAll(cols)
				return nil, fmt.Errorf("%w: key %d has %d values, the primary key has %d columns", ErrQuery, i, len(k), len(s.key))
			}
			if err := appendKey(b, k[c]); err != nil {
				b.Release()
				releaseAll(cols)
				return nil, fmt.Errorf("%w: key %d: column %s of type %s: %w", ErrQuery, i, f.Name, f.Type, err)
			}
		}
		cols = append(cols, b.NewArray())
		b.Release()
	}
	return cols, nil
}

func appendKey(b array.Builder, v any) error {
	mismatch := fmt.Errorf("a %T is no such value", v)
	switch b := b.(type) {
	case *array.StringBuilder:
		if s, ok := v.(string); ok {
			b.Append(s)
			return nil
		}
		return mismatch
	case *array.LargeStringBuilder:
		if s, ok := v.(string); ok {
			b.Append(s)
			return nil
		}
		return mismatch
	case *array.BinaryBuilder:
		if s, ok := v.([]byte); ok {
			b.Append(s)
			return nil
		}
		return mismatch
	case *array.BooleanBuilder:
		if s, ok := v.(bool); ok {
			b.Append(s)
			return nil
		}
		return mismatch
	}
	neg, n, ok := integer(v)
	if !ok {
		return mismatch
	}
	fits := func(bits int, signed bool) error {
		limit := uint64(math.MaxUint64) >> (64 - bits)
		if signed {
			limit >>= 1
		}
		if !neg && n > limit || neg && (!signed || -n-1 > limit) {
			return fmt.Errorf("%v is out of range", v)
		}
		return nil
	}
	var err error
	switch b := b.(type) {
	case *array.Int8Builder:
		err = fits(8, true)
		b.Append(int8(n))
	case *array.Int16Builder:
		err = fits(16, true)
		b.Append(int16(n))
	case *array.Int32Builder:
		err = fits(32, true)
		b.Append(int32(n))
	case *array.Int64Builder:
		err = fits(64, true)
		b.Append(int64(n))
	case *array.Date32Builder:
		err = fits(32, true)
		b.Append(arrow.Date32(n))
	case *array.Date64Builder:
		err = fits(64, true)
		b.Append(arrow.Date64(n))
	case *array.TimestampBuilder:
		err = fits(64, true)
		b.Append(arrow.Timestamp(n))
	case *array.Uint8Builder:
		err = fits(8, false)
		b.Append(uint8(n))
	case *array.Uint16Builder:
		err = fits(16, false)
		b.Append(uint16(n))
	case *array.Uint32Builder:
		err = fits(32, false)
		b.Append(uint32(n))
	case *array.Uint64Builder:
		err = fits(64, false)
		b.Append(n)
	default:
		err = fmt.Errorf("%w: keys of this type", ErrUnsupported)
	}
	return err
}

// integer is any of Go's integers, as 64 bits of two's complement.
func integer(v any) (neg bool, n uint64, ok bool) {
	var i int64
	switch v := v.(type) {
	case int:
		i = int64(v)
	case int8:
		i = int64(v)
	case int16:
		i = int64(v)
	case int32:
		i = int64(v)
	case int64:
		i = v
	case uint:
		return false, uint64(v), true
	case uint8:
		return false, uint64(v), true
	case uint16:
		return false, uint64(v), true
	case uint32:
		return false, uint64(v), true
	case uint64:
		return false, v, true
	default:
		return false, 0, false
	}
	return i < 0, uint64(i), true
}

// literalKey makes a value of a key of a filter's literal.
func literalKey(l filter.Literal, t arrow.DataType) any {
	switch l.Kind {
	case filter.Bool:
		return l.Bool
	case filter.Int:
		return l.Int
	case filter.Uint:
		return l.Uint
	case filter.Text:
		if t.ID() == arrow.BINARY {
			return []byte(l.Text)
		}
		return l.Text
	default:
		return nil
	}
}

// indexValue is the value that a primary-key index holds for the key at a row. Text refers to the arrays.
func indexValue(cols []arrow.Array, row int) (btree.Value, error) {
	if len(cols) == 1 {
		return btree.ValueAt(cols[0], row)
	}
	parts := make([]btree.Value, len(cols))
	for i, c := range cols {
		var err error
		if parts[i], err = btree.ValueAt(c, row); err != nil {
			return btree.Value{}, err
		}
	}
	return btree.CompositeKey(parts...)
}

func releaseAll[T interface{ Release() }](all []T) {
	for _, x := range all {
		x.Release()
	}
}
