// Package gather picks values of Arrow arrays by index, into new arrays.
//
// It knows the types that Lance columns have and arrays without an offset, as the decoders make them. It exists because
// arrow-go's own take kernels come with a dependency on its Parquet packages.
package gather

import (
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/internal/sink"
)

// Take returns the values of d at the indices, which are in range. The caller releases the result and keeps d.
func Take(d arrow.ArrayData, idx []int, lim *sink.Limit) (arrow.ArrayData, error) {
	if d.Offset() != 0 {
		return nil, fault.Unsupportedf("taking from an array with an offset")
	}
	switch t := d.DataType().(type) {
	case *arrow.StructType:
		return takeStruct(d, idx, lim)
	case *arrow.ListType, *arrow.LargeListType, *arrow.MapType:
		return takeList(d, idx, lim)
	case *arrow.FixedSizeListType:
		return takeFixedList(d, idx, int(t.Len()), lim)
	case *arrow.DictionaryType:
		return takeDictionary(d, t, idx, lim)
	}
	leaf, err := sink.New(d.DataType(), lim)
	if err != nil {
		return nil, err
	}
	defer leaf.Release()
	leaf.Hint(int64(len(idx)), lim.MaxBytes)
	if err := takeLeaf(leaf, d, idx); err != nil {
		return nil, err
	}
	if err := takeValidity(leaf.Valid(), d, idx); err != nil {
		return nil, err
	}
	return leaf.Finish()
}

func takeValidity(v *sink.Validity, d arrow.ArrayData, idx []int) error {
	if d.NullN() == 0 || d.Buffers()[0] == nil {
		return v.AppendRun(true, len(idx))
	}
	bits := d.Buffers()[0].Bytes()
	for _, i := range idx {
		if err := v.AppendRun(bits[i/8]>>(i%8)&1 == 1, 1); err != nil {
			return err
		}
	}
	return nil
}

func takeLeaf(leaf sink.Leaf, d arrow.ArrayData, idx []int) error {
	switch leaf := leaf.(type) {
	case *sink.Null:
		return leaf.AppendEmpty(len(idx))
	case *sink.Bits:
		src := d.Buffers()[1].Bytes()
		for _, i := range idx {
			if err := leaf.AppendBits(src, i, 1); err != nil {
				return err
			}
		}
	case *sink.Fixed:
		src := d.Buffers()[1].Bytes()
		w := leaf.Width()
		dst, err := leaf.Grow(len(idx))
		if err != nil {
			return err
		}
		for k, i := range idx {
			copy(dst[k*w:(k+1)*w], src[i*w:(i+1)*w])
		}
	case *sink.Var:
		offs, data := d.Buffers()[1].Bytes(), d.Buffers()[2].Bytes()
		wide := wideOffsets(d.DataType())
		for _, i := range idx {
			if err := leaf.Append(data[offset(offs, i, wide):offset(offs, i+1, wide)]); err != nil {
				return err
			}
		}
	default:
		return fault.Unsupportedf("taking from %s", d.DataType())
	}
	return nil
}

func wideOffsets(t arrow.DataType) bool {
	switch t.ID() {
	case arrow.LARGE_STRING, arrow.LARGE_BINARY, arrow.LARGE_LIST:
		return true
	}
	return false
}

func offset(b []byte, i int, wide bool) int {
	if wide {
		return int(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return int(int32(binary.LittleEndian.Uint32(b[4*i:])))
}

func takeStruct(d arrow.ArrayData, idx []int, lim *sink.Limit) (arrow.ArrayData, error) {
	members := make([]arrow.ArrayData, 0, len(d.Children()))
	defer func() {
		for _, m := range members {
			m.Release()
		}
	}()
	for _, c := range d.Children() {
		m, err := Take(c, idx, lim)
		if err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	v := sink.NewValidity(lim)
	defer v.Release()
	if err := takeValidity(v, d, idx); err != nil {
		return nil, err
	}
	return sink.Struct(d.DataType(), len(idx), v, members), nil
}

func takeList(d arrow.ArrayData, idx []int, lim *sink.Limit) (arrow.ArrayData, error) {
	out := sink.NewList(d.DataType(), lim)
	defer out.Release()
	offs := d.Buffers()[1].Bytes()
	wide := wideOffsets(d.DataType())
	var bits []byte
	if d.NullN() != 0 && d.Buffers()[0] != nil {
		bits = d.Buffers()[0].Bytes()
	}
	var items []int
	for _, i := range idx {
		lo, hi := offset(offs, i, wide), offset(offs, i+1, wide)
		if err := out.Append(bits == nil || bits[i/8]>>(i%8)&1 == 1, int64(hi-lo)); err != nil {
			return nil, err
		}
		if int64(len(items)+hi-lo) > lim.MaxBytes/8 {
			return nil, fault.ErrTooLarge
		}
		for k := lo; k < hi; k++ {
			items = append(items, k)
		}
	}
	child, err := Take(d.Children()[0], items, lim)
	if err != nil {
		return nil, err
	}
	defer child.Release()
	return out.Finish(child)
}

func takeFixedList(d arrow.ArrayData, idx []int, dim int, lim *sink.Limit) (arrow.ArrayData, error) {
	items := make([]int, 0, len(idx)*dim)
	for _, i := range idx {
		for k := range dim {
			items = append(items, i*dim+k)
		}
	}
	child, err := Take(d.Children()[0], items, lim)
	if err != nil {
		return nil, err
	}
	defer child.Release()
	v := sink.NewValidity(lim)
	defer v.Release()
	if err := takeValidity(v, d, idx); err != nil {
		return nil, err
	}
	return sink.Struct(d.DataType(), len(idx), v, []arrow.ArrayData{child}), nil
}

// takeDictionary takes indices and keeps the items.
func takeDictionary(d arrow.ArrayData, t *arrow.DictionaryType, idx []int, lim *sink.Limit) (arrow.ArrayData, error) {
	plain := array.NewData(t.IndexType, d.Len(), d.Buffers(), nil, d.NullN(), 0)
	defer plain.Release()
	got, err := Take(plain, idx, lim)
	if err != nil {
		return nil, err
	}
	defer got.Release()
	items, ok := d.Dictionary().(*array.Data)
	if !ok {
		return nil, fault.Unsupportedf("dictionary of another kind")
	}
	return array.NewDataWithDictionary(t, got.Len(), got.Buffers(), got.NullN(), 0, items), nil
}

// Array is Take for an array.
func Array(a arrow.Array, idx []int, lim *sink.Limit) (arrow.Array, error) {
	d, err := Take(a.Data(), idx, lim)
	if err != nil {
		return nil, err
	}
	defer d.Release()
	return array.MakeFromData(d), nil
}
