package generation

import (
	"errors"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/memwal"
)

// ErrRows says that rows do not fit the table.
var ErrRows = errors.New("generation: rows do not fit the table")

// Conform returns rows in the schema of Arrow: columns are found by name, those that are missing are null, and rows that
// say nothing of it are no tombstones. It fails with ErrRows for columns that the table does not have or has with another
// type, and for nulls where there may be none. The caller releases the result, which shares memory with b.
func (l *Layout) Conform(b arrow.RecordBatch, mem memory.Allocator) (arrow.RecordBatch, error) {
	columns := make([]arrow.Array, 0, l.arrow.NumFields())
	defer func() {
		for _, c := range columns {
			c.Release()
		}
	}()
	rows := int(b.NumRows())
	used := 0
	for i, f := range l.arrow.Fields() {
		at := b.Schema().FieldIndices(f.Name)
		switch {
		case len(at) > 1:
			return nil, fmt.Errorf("%w: column %q twice", ErrRows, f.Name)
		case len(at) == 1:
			c := b.Column(at[0])
			if !arrow.TypeEqual(c.DataType(), f.Type) {
				return nil, fmt.Errorf("%w: column %q is %s, the table's is %s", ErrRows, f.Name, c.DataType(), f.Type)
			}
			if c.NullN() > 0 && !f.Nullable {
				return nil, fmt.Errorf("%w: column %q: %d nulls, and the column has none", ErrRows, f.Name, c.NullN())
			}
			used++
			c.Retain()
			columns = append(columns, c)
		case f.Name == memwal.TombstoneColumn:
			columns = append(columns, constant(mem, rows, false))
		case slices.Contains(l.key, i):
			return nil, fmt.Errorf("%w: no column %q, which is part of the primary key", ErrRows, f.Name)
		default:
			columns = append(columns, array.MakeArrayOfNull(mem, f.Type, rows))
		}
	}
	if used < int(b.NumCols()) {
		for _, f := range b.Schema().Fields() {
			if !l.arrow.HasField(f.Name) {
				return nil, fmt.Errorf("%w: the table has no column %q", ErrRows, f.Name)
			}
		}
	}
	return array.NewRecordBatch(l.arrow, columns, int64(rows)), nil
}

// CheckRows fails with ErrRows for rows whose arrays are not sound, such as texts that are not UTF-8: the log would take them, and
// whoever replays it would not.
func CheckRows(b arrow.RecordBatch) (err error) {
	defer func() {
		if p := recover(); p != nil { // arrays that lie about their buffers
			err = fmt.Errorf("%w: %v", ErrRows, p)
		}
	}()
	if err := array.ValidateRecordFull(b); err != nil {
		return fmt.Errorf("%w: %w", ErrRows, err)
	}
	return nil
}

// Tombstones makes the rows that delete keys: one array for each column of the key, of one length. The caller releases
// the result.
func (l *Layout) Tombstones(key []arrow.Array, mem memory.Allocator) (arrow.RecordBatch, error) {
	if len(key) != len(l.Key) {
		return nil, fmt.Errorf("%w: a key of %d columns, the table's has %d", ErrRows, len(key), len(l.Key))
	}
	fields := make([]arrow.Field, len(key)+1)
	columns := make([]arrow.Array, len(key)+1)
	rows := key[0].Len()
	for i, k := range l.Key {
		if key[i].Len() != rows {
			return nil, fmt.Errorf("%w: key columns of %d and %d rows", ErrRows, rows, key[i].Len())
		}
		fields[i], columns[i] = arrow.Field{Name: k.Name, Type: key[i].DataType()}, key[i]
	}
	dead := constant(mem, rows, true)
	defer dead.Release()
	fields[len(key)], columns[len(key)] = arrow.Field{Name: memwal.TombstoneColumn, Type: arrow.FixedWidthTypes.Boolean}, dead
	b := array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, int64(rows))
	defer b.Release()
	return l.Conform(b, mem)
}

func constant(mem memory.Allocator, n int, value bool) arrow.Array {
	b := array.NewBooleanBuilder(mem)
	defer b.Release()
	b.Reserve(n)
	for range n {
		b.UnsafeAppend(value)
	}
	return b.NewArray()
}
