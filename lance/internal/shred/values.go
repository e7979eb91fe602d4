package shred

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/internal/encode"
	"github.com/hearthcache/hearth/lance/internal/fault"
)

// Values collects the values of a leaf. What lies under a null is zero, or no bytes.
type Values struct {
	t       arrow.DataType
	kind    encode.Kind
	width   int
	wide    bool
	dim     int
	n       int
	data    buffer
	bits    bitmap // of Bits
	offsets []int64
	items   *Values
	valid   bitmap // of items; empty while all are valid
	nulls   bool   // valid is in use
}

// NewValues returns an empty collection for a type; for a dictionary, of its values.
func NewValues(t arrow.DataType, mem memory.Allocator) (*Values, error) {
	if d, ok := t.(*arrow.DictionaryType); ok {
		t = d.ValueType
	}
	v := &Values{t: t, data: buffer{mem: mem}, bits: bitmap{buf: buffer{mem: mem}}, valid: bitmap{buf: buffer{mem: mem}}}
	switch t := t.(type) {
	case *arrow.NullType:
		v.kind = encode.Null
	case *arrow.BooleanType:
		v.kind = encode.Bits
	case *arrow.StringType, *arrow.BinaryType:
		v.kind = encode.Var
	case *arrow.LargeStringType, *arrow.LargeBinaryType:
		v.kind, v.wide = encode.Var, true
	case *arrow.FixedSizeListType:
		items, err := NewValues(t.Elem(), mem)
		if err != nil {
			return nil, err
		}
		switch items.kind {
		case encode.Fixed, encode.Bits, encode.List:
		default:
			return nil, fault.Unsupportedf("fixed-size list of %s", t.Elem())
		}
		v.kind, v.dim, v.items = encode.List, int(t.Len()), items
	case *arrow.DictionaryType:
		return nil, fault.Unsupportedf("type %s", t)
	case arrow.FixedWidthDataType:
		v.kind, v.width = encode.Fixed, t.BitWidth()/8
		if v.width == 0 {
			return nil, fault.Unsupportedf("values of no bytes: type %s", t)
		}
	default:
		return nil, fault.Unsupportedf("type %s", t)
	}
	v.Reset()
	return v, nil
}

// Len is the number of values.
func (v *Values) Len() int { return v.n }

// Bytes is about how much memory the values take in a page without compression.
func (v *Values) Bytes() int {
	switch v.kind {
	case encode.Bits:
		return len(v.bits.buf.b)
	case encode.Var:
		return len(v.data.b) + 4*v.n
	case encode.List:
		return v.items.Bytes()
	}
	return len(v.data.b)
}

// View is the values collected, until the next call that changes them.
func (v *Values) View() *encode.Values {
	out := &encode.Values{Kind: v.kind, N: v.n, Width: v.width, Wide: v.wide, Dim: v.dim, Data: v.data.b}
	switch v.kind {
	case encode.Bits:
		out.Data = v.bits.buf.b
	case encode.Var:
		out.Offsets = v.offsets
	case encode.List:
		out.Items = v.items.View()
	}
	if v.nulls {
		out.Valid = v.valid.buf.b
	}
	return out
}

// Reset empties the collection.
func (v *Values) Reset() {
	v.n = 0
	v.data.reset()
	v.bits.reset()
	v.valid.reset()
	v.nulls = false
	if v.kind == encode.Var {
		v.offsets = append(v.offsets[:0], 0)
	}
	if v.items != nil {
		v.items.Reset()
	}
}

// Release gives the memory back. The collection is not used afterwards.
func (v *Values) Release() {
	v.data.release()
	v.bits.buf.release()
	v.valid.buf.release()
	v.offsets = nil
	if v.items != nil {
		v.items.Release()
	}
}

// AppendEmpty appends n values of zeros or of no bytes.
func (v *Values) AppendEmpty(n int) {
	v.n += n
	switch v.kind {
	case encode.Fixed:
		clear(v.data.grow(n * v.width))
	case encode.Bits:
		v.bits.extend(n)
	case encode.Var:
		end := int64(len(v.data.b))
		for range n {
			v.offsets = append(v.offsets, end)
		}
	case encode.List:
		v.items.appendEmptyItems(n * v.dim)
	}
}

// appendEmptyItems appends items under a null list: they are valid, so that they cost no validity.
func (v *Values) appendEmptyItems(n int) {
	if v.nulls {
		v.valid.appendRun(true, n)
	}
	v.AppendEmpty(n)
}

// Append appends values lo to hi of an array of the type, or of a dictionary of it.
func (v *Values) Append(a arrow.Array, lo, hi int) {
	if d, ok := a.(*array.Dictionary); ok {
		v.appendDictionary(d, lo, hi)
		return
	}
	d := a.Data()
	at, n := d.Offset()+lo, hi-lo
	nulls := a.NullN() > 0
	switch v.kind {
	case encode.Fixed:
		dst := v.data.grow(n * v.width)
		copy(dst, d.Buffers()[1].Bytes()[at*v.width:(at+n)*v.width])
		if nulls {
			for i := range n {
				if a.IsNull(lo + i) {
					clear(dst[i*v.width : (i+1)*v.width])
				}
			}
		}
	case encode.Bits:
		from := v.bits.n
		v.bits.appendBits(d.Buffers()[1].Bytes(), at, n)
		if nulls {
			for i := range n {
				if a.IsNull(lo + i) {
					bitutil.ClearBit(v.bits.buf.b, from+i)
				}
			}
		}
	case encode.Var:
		v.appendVar(a, lo, hi, nulls)
	case encode.List:
		v.appendLists(a.(*array.FixedSizeList), lo, hi, nulls)
	}
	v.n += n
}

func (v *Values) appendVar(a arrow.Array, lo, hi int, nulls bool) {
	if lo == hi {
		return
	}
	d := a.Data()
	var data []byte
	if b := d.Buffers()[2]; b != nil {
		data = b.Bytes()
	}
	var valid func(int) bool
	if nulls {
		valid = a.IsValid
	}
	offs := d.Buffers()[1].Bytes()
	if v.wide {
		appendSlices(v, arrow.Int64Traits.CastFromBytes(offs)[d.Offset():], data, lo, hi, valid)
	} else {
		appendSlices(v, arrow.Int32Traits.CastFromBytes(offs)[d.Offset():], data, lo, hi, valid)
	}
}

// appendSlices appends values lo to hi, value i being data[offs[i]:offs[i+1]]; nulls have no bytes.
func appendSlices[T int32 | int64](v *Values, offs []T, data []byte, lo, hi int, valid func(int) bool) {
	v.offsets = slices.Grow(v.offsets, hi-lo)
	for i := lo; i < hi; {
		if valid != nil && !valid(i) {
			v.offsets = append(v.offsets, int64(len(v.data.b)))
			i++
			continue
		}
		// As many valid values as lie together.
		j := hi
		if valid != nil {
			for j = i + 1; j < hi && valid(j); {
				j++
			}
		}
		first := int64(offs[i])
		base := int64(len(v.data.b)) - first
		copy(v.data.grow(int(int64(offs[j])-first)), data[first:offs[j]])
		for _, e := range offs[i+1 : j+1] {
			v.offsets = append(v.offsets, base+int64(e))
		}
		i = j
	}
}

// appendLists appends lists; items of null lists are zero.
func (v *Values) appendLists(a *array.FixedSizeList, lo, hi int, nulls bool) {
	items := a.ListValues()
	base := a.Data().Offset()
	for i := lo; i < hi; {
		j := i + 1
		if !nulls {
			j = hi
		} else {
			for j < hi && a.IsNull(j) == a.IsNull(i) {
				j++
			}
		}
		if nulls && a.IsNull(i) {
			v.items.appendEmptyItems((j - i) * v.dim)
		} else {
			v.items.appendItems(items, (base+i)*v.dim, (base+j)*v.dim)
		}
		i = j
	}
}

// appendItems appends items of lists with their validity.
func (v *Values) appendItems(a arrow.Array, lo, hi int) {
	switch {
	case a.NullN() > 0:
		if !v.nulls {
			v.valid.appendRun(true, v.n)
			v.nulls = true
		}
		v.valid.appendBits(a.NullBitmapBytes(), a.Data().Offset()+lo, hi-lo)
	case v.nulls:
		v.valid.appendRun(true, hi-lo)
	}
	v.Append(a, lo, hi)
}

func (v *Values) appendDictionary(d *array.Dictionary, lo, hi int) {
	items := d.Dictionary()
	for i := lo; i < hi; i++ {
		if d.IsValid(i) {
			if k := d.GetValueIndex(i); items.IsValid(k) {
				v.Append(items, k, k+1)
				continue
			}
		}
		v.AppendEmpty(1)
	}
}
