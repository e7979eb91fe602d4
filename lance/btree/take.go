package btree

import (
	"fmt"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// take returns the values of an array at the given rows, for the types that an index can have. The caller releases them.
func take(mem memory.Allocator, a arrow.Array, rows []int) (arrow.Array, error) {
	out := array.NewBuilder(mem, a.DataType())
	defer out.Release()
	out.Reserve(len(rows))
	switch out := out.(type) {
	case array.StringLikeBuilder:
		return takeBytes(a, rows, out.Append, out)
	case *array.BinaryBuilder: // of text too
		return takeBytes(a, rows, out.AppendString, out)
	case *array.BooleanBuilder:
		bits := a.(*array.Boolean)
		for _, row := range rows {
			if bits.IsNull(row) {
				out.AppendNull()
			} else {
				out.UnsafeAppend(bits.Value(row))
			}
		}
		return out.NewArray(), nil
	}
	fixed, ok := a.DataType().(arrow.FixedWidthDataType)
	if !ok || fixed.BitWidth()%8 != 0 {
		return nil, fmt.Errorf("%w: values of type %s", ErrUnsupported, a.DataType())
	}
	return takeFixed(mem, a, rows, fixed.BitWidth()/8), nil
}

// takeBytes appends text or binary values to a builder.
func takeBytes(a arrow.Array, rows []int, append func(string), out array.Builder) (arrow.Array, error) {
	get, ok := bytesOf(a)
	if !ok {
		return nil, fmt.Errorf("%w: values of type %s", ErrUnsupported, a.DataType())
	}
	size := 0
	for _, row := range rows {
		if a.IsValid(row) {
			size += len(get(row))
		}
	}
	if room, ok := out.(interface{ ReserveData(int) }); ok {
		room.ReserveData(size)
	}
	for _, row := range rows {
		if a.IsNull(row) {
			out.AppendNull()
		} else {
			append(textOf(get(row)))
		}
	}
	return out.NewArray(), nil
}

// takeFixed copies values of a number of bytes each.
func takeFixed(mem memory.Allocator, a arrow.Array, rows []int, width int) arrow.Array {
	values, valid := memory.NewResizableBuffer(mem), memory.NewResizableBuffer(mem)
	defer values.Release()
	defer valid.Release()
	values.Resize(len(rows) * width)
	valid.Resize(int(bitutil.BytesForBits(int64(len(rows)))))
	clear(values.Bytes())
	clear(valid.Bytes())
	nulls := 0
	if len(rows) > 0 {
		src, first := a.Data().Buffers()[1].Bytes(), a.Data().Offset()
		for i, row := range rows {
			if a.IsNull(row) {
				nulls++
				continue
			}
			bitutil.SetBit(valid.Bytes(), i)
			copy(values.Bytes()[i*width:(i+1)*width], src[(first+row)*width:])
		}
	}
	data := array.NewData(a.DataType(), len(rows), []*memory.Buffer{valid, values}, nil, nulls, 0)
	defer data.Release()
	return array.MakeFromData(data)
}

// textOf is bytes as text without a copy, for a call that borrows them.
func textOf(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
