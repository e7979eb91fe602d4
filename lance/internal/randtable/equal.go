package randtable

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// Chunks is a column in pieces.
type Chunks []arrow.Array

// Len is the number of values.
func (c Chunks) Len() int {
	n := 0
	for _, a := range c {
		n += a.Len()
	}
	return n
}

// Release releases the pieces.
func (c Chunks) Release() {
	for _, a := range c {
		a.Release()
	}
}

// at returns the piece that holds value i, and its place there.
func (c Chunks) at(i int) (arrow.Array, int) {
	for _, a := range c {
		if i < a.Len() {
			return a, i
		}
		i -= a.Len()
	}
	panic("index out of range")
}

// Diff returns where two columns differ in meaning, "" when they are equal: what lies under a null does not count,
// everything else is compared bit by bit.
func Diff(want, got Chunks) string {
	if want.Len() != got.Len() {
		return fmt.Sprintf("length: want %d, got %d", want.Len(), got.Len())
	}
	at, k, j := 0, 0, 0 // the place in got
	for _, a := range want {
		for i := range a.Len() {
			for j == got[k].Len() {
				k, j = k+1, 0
			}
			if d := diffAt(a, got[k], i, j); d != "" {
				return fmt.Sprintf("row %d: %s", at, d)
			}
			at++
			j++
		}
	}
	return ""
}

// DiffAt compares one value of each.
func DiffAt(want, got Chunks, i, j int) string {
	a, i := want.at(i)
	b, j := got.at(j)
	return diffAt(a, b, i, j)
}

func diffAt(a, b arrow.Array, i, j int) string {
	if a.IsNull(i) != b.IsNull(j) {
		return fmt.Sprintf("want null %v, got %v (want %s, got %s)", a.IsNull(i), b.IsNull(j), a.ValueStr(i), b.ValueStr(j))
	}
	if a.IsNull(i) {
		return ""
	}
	switch x := a.(type) {
	case *array.Dictionary:
		y, ok := b.(*array.Dictionary)
		if !ok {
			return fmt.Sprintf("type: want %s, got %s", a.DataType(), b.DataType())
		}
		return diffAt(x.Dictionary(), y.Dictionary(), x.GetValueIndex(i), y.GetValueIndex(j))
	case *array.Struct:
		y, ok := b.(*array.Struct)
		if !ok || x.NumField() != y.NumField() {
			return fmt.Sprintf("type: want %s, got %s", a.DataType(), b.DataType())
		}
		for k := range x.NumField() {
			if d := diffAt(x.Field(k), y.Field(k), i, j); d != "" {
				return fmt.Sprintf("member %d: %s", k, d)
			}
		}
		return ""
	case array.ListLike:
		y, ok := b.(array.ListLike)
		if !ok {
			return fmt.Sprintf("type: want %s, got %s", a.DataType(), b.DataType())
		}
		lo, hi := x.ValueOffsets(i)
		lo2, hi2 := y.ValueOffsets(j)
		if hi-lo != hi2-lo2 {
			return fmt.Sprintf("want %d items, got %d", hi-lo, hi2-lo2)
		}
		for k := range hi - lo {
			if d := diffAt(x.ListValues(), y.ListValues(), int(lo+k), int(lo2+k)); d != "" {
				return fmt.Sprintf("item %d: %s", k, d)
			}
		}
		return ""
	}
	if p, q := raw(a, i), raw(b, j); !bytes.Equal(p, q) {
		return fmt.Sprintf("want %s (%x), got %s (%x)", a.ValueStr(i), p, b.ValueStr(j), q)
	}
	return ""
}

// raw is the bytes of a scalar.
func raw(a arrow.Array, i int) []byte {
	d := a.Data()
	i += d.Offset()
	switch t := a.DataType().(type) {
	case *arrow.BooleanType:
		return []byte{d.Buffers()[1].Bytes()[i/8] >> (i % 8) & 1}
	case *arrow.StringType, *arrow.BinaryType:
		o := d.Buffers()[1].Bytes()
		return slice(d, uint64(binary.LittleEndian.Uint32(o[4*i:])), uint64(binary.LittleEndian.Uint32(o[4*i+4:])))
	case *arrow.LargeStringType, *arrow.LargeBinaryType:
		o := d.Buffers()[1].Bytes()
		return slice(d, binary.LittleEndian.Uint64(o[8*i:]), binary.LittleEndian.Uint64(o[8*i+8:]))
	case arrow.FixedWidthDataType:
		w := t.BitWidth() / 8
		return d.Buffers()[1].Bytes()[i*w : (i+1)*w]
	}
	return []byte(a.ValueStr(i))
}

func slice(d arrow.ArrayData, lo, hi uint64) []byte {
	if lo == hi {
		return nil
	}
	return d.Buffers()[2].Bytes()[lo:hi]
}
