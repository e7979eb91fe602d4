// Package gather picks rows out of Arrow arrays: Batch takes rows of a batch in any order, as lookups, filters and the
// routing of rows to shards need them. Values of fixed width, texts and vectors are copied in a loop of their own, all other
// types run by run of neighbours.
//
// What it is given is borrowed, what it returns belongs to the caller and shares no memory with what was given, but for a
// run that is alone. It keeps nothing, and fails with ErrTooLarge, or with an error of Arrow.
package gather

import (
	"errors"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// ErrTooLarge says that the values do not fit into one array of their type.
var ErrTooLarge = errors.New("gather: too large")

// Batch returns the given rows of a batch, in the order given. The caller releases the result; the batch is
// borrowed.
func Batch(mem memory.Allocator, b arrow.RecordBatch, rows []int) (arrow.RecordBatch, error) {
	cols := make([]arrow.Array, 0, b.NumCols())
	defer func() { releaseAll(cols) }()
	for _, c := range b.Columns() {
		g, err := gather(mem, c, rows)
		if err != nil {
			return nil, err
		}
		cols = append(cols, g)
	}
	return array.NewRecordBatch(b.Schema(), cols, int64(len(rows))), nil
}

func releaseAll[T interface{ Release() }](all []T) {
	for _, x := range all {
		x.Release()
	}
}

// gather returns the given values of an array.
func gather(mem memory.Allocator, arr arrow.Array, rows []int) (arrow.Array, error) {
	switch t := arr.DataType().(type) {
	case *arrow.BooleanType, *arrow.NullType, *arrow.DictionaryType, arrow.ExtensionType:
	case *arrow.StringType, *arrow.BinaryType:
		return gatherText(mem, arr, rows)
	case *arrow.FixedSizeListType:
		values := arr.(*array.FixedSizeList).ListValues()
		width, ok := t.Elem().(arrow.FixedWidthDataType)
		_, isBool := t.Elem().(*arrow.BooleanType)
		if _, nested := t.Elem().(*arrow.FixedSizeListType); ok && !isBool && !nested && values.NullN() == 0 {
			return gatherVectors(mem, arr.(*array.FixedSizeList), rows, int(t.Len())*width.Bytes())
		}
	case arrow.FixedWidthDataType:
		if t.BitWidth()%8 == 0 {
			return gatherFixed(mem, arr, rows, t.Bytes())
		}
	}
	return gatherRuns(mem, arr, rows)
}

// validity gathers the validity bitmap; nil when every value is valid.
func validity(mem memory.Allocator, arr arrow.Array, rows []int) (buf *memory.Buffer, nulls int) {
	if arr.NullN() == 0 {
		return nil, 0
	}
	buf = memory.NewResizableBuffer(mem)
	buf.Resize(int(bitutil.BytesForBits(int64(len(rows)))))
	clear(buf.Bytes())
	for i, r := range rows {
		if arr.IsNull(r) {
			nulls++
		} else {
			bitutil.SetBit(buf.Bytes(), i)
		}
	}
	return buf, nulls
}

func release(buf *memory.Buffer) {
	if buf != nil {
		buf.Release()
	}
}

// copyRows copies values of a fixed width.
func copyRows(mem memory.Allocator, from []byte, width int, rows []int) *memory.Buffer {
	buf := memory.NewResizableBuffer(mem)
	buf.Resize(len(rows) * width)
	to := buf.Bytes()
	switch width {
	case 4:
		a, b := arrow.Uint32Traits.CastFromBytes(from), arrow.Uint32Traits.CastFromBytes(to)
		for i, r := range rows {
			b[i] = a[r]
		}
	case 8:
		a, b := arrow.Uint64Traits.CastFromBytes(from), arrow.Uint64Traits.CastFromBytes(to)
		for i, r := range rows {
			b[i] = a[r]
		}
	default:
		for i, r := range rows {
			copy(to[i*width:(i+1)*width], from[r*width:(r+1)*width])
		}
	}
	return buf
}

func gatherFixed(mem memory.Allocator, arr arrow.Array, rows []int, width int) (arrow.Array, error) {
	valid, nulls := validity(mem, arr, rows)
	defer release(valid)
	var from []byte
	if b := arr.Data().Buffers()[1]; b != nil {
		from = b.Bytes()[arr.Data().Offset()*width:]
	}
	values := copyRows(mem, from, width, rows)
	defer values.Release()
	data := array.NewData(arr.DataType(), len(rows), []*memory.Buffer{valid, values}, nil, nulls, 0)
	defer data.Release()
	return array.MakeFromData(data), nil
}

func gatherVectors(mem memory.Allocator, arr *array.FixedSizeList, rows []int, width int) (arrow.Array, error) {
	valid, nulls := validity(mem, arr, rows)
	defer release(valid)
	child := arr.ListValues().Data()
	t := arr.DataType().(*arrow.FixedSizeListType)
	n := int(t.Len())
	var from []byte
	if b := child.Buffers()[1]; b != nil && n > 0 {
		from = b.Bytes()[(child.Offset()+arr.Data().Offset()*n)*(width/n):]
	}
	buf := copyRows(mem, from, width, rows)
	defer buf.Release()
	values := array.NewData(t.Elem(), len(rows)*n, []*memory.Buffer{nil, buf}, nil, 0, 0)
	defer values.Release()
	data := array.NewData(t, len(rows), []*memory.Buffer{valid}, []arrow.ArrayData{values}, nulls, 0)
	defer data.Release()
	return array.MakeFromData(data), nil
}

func gatherText(mem memory.Allocator, arr arrow.Array, rows []int) (arrow.Array, error) {
	var offsets []int32
	var from []byte
	switch a := arr.(type) {
	case *array.String:
		offsets = a.ValueOffsets()
	case *array.Binary:
		offsets = a.ValueOffsets()
	default:
		return gatherRuns(mem, arr, rows)
	}
	if b := arr.Data().Buffers()[2]; b != nil {
		from = b.Bytes()
	}
	total := 0
	for _, r := range rows {
		total += int(offsets[r+1] - offsets[r])
	}
	if total > math.MaxInt32 {
		return nil, fmt.Errorf("%w: %d bytes of text in one batch", ErrTooLarge, total)
	}
	valid, nulls := validity(mem, arr, rows)
	defer release(valid)
	ends := memory.NewResizableBuffer(mem)
	defer ends.Release()
	ends.Resize((len(rows) + 1) * 4)
	text := memory.NewResizableBuffer(mem)
	defer text.Release()
	text.Resize(total)
	to, out := arrow.Int32Traits.CastFromBytes(ends.Bytes()), text.Bytes()
	at := int32(0)
	to[0] = 0
	for i, r := range rows {
		at += int32(copy(out[at:], from[offsets[r]:offsets[r+1]]))
		to[i+1] = at
	}
	data := array.NewData(arr.DataType(), len(rows), []*memory.Buffer{valid, ends, text}, nil, nulls, 0)
	defer data.Release()
	return array.MakeFromData(data), nil
}

// gatherRuns gathers values of any type, run by run of neighbours.
func gatherRuns(mem memory.Allocator, arr arrow.Array, rows []int) (arrow.Array, error) {
	if len(rows) == 0 {
		return array.NewSlice(arr, 0, 0), nil
	}
	var parts []arrow.Array
	defer func() { releaseAll(parts) }()
	for i := 0; i < len(rows); {
		j := i + 1
		for j < len(rows) && rows[j] == rows[j-1]+1 {
			j++
		}
		parts = append(parts, array.NewSlice(arr, int64(rows[i]), int64(rows[j-1]+1)))
		i = j
	}
	return array.Concatenate(parts, mem)
}
