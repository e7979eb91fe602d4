package file

import (
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/internal/gather"
	"github.com/hearthcache/hearth/lance/internal/sink"
)

// storageType is the type that values of a field are decoded as: for a dictionary, that of its values. How Lance encodes
// values has nothing to do with how the Arrow array was made that they came from.
func storageType(t arrow.DataType) arrow.DataType {
	if d, ok := t.(*arrow.DictionaryType); ok {
		return d.ValueType
	}
	return t
}

// finish makes the array of a leaf. Values of a dictionary field are numbered in order of first appearance.
func (rd *reading) finish(n *node, leaf sink.Leaf) (arrow.ArrayData, error) {
	data, err := leaf.Finish()
	t, ok := n.field.Type.(*arrow.DictionaryType)
	if err != nil || !ok {
		return data, err
	}
	defer data.Release()
	values := array.MakeFromData(data)
	defer values.Release()
	bits := t.IndexType.(arrow.FixedWidthDataType).BitWidth()
	size, limit := bits/8, int64(1)<<min(bits, 32)
	if arrow.IsSignedInteger(t.IndexType.ID()) {
		limit /= 2
	}
	out, err := sink.New(t.IndexType, rd.lim)
	if err != nil {
		return nil, err
	}
	defer out.Release()
	idx, ok := out.(*sink.Fixed)
	if !ok {
		return nil, fault.Unsupportedf("dictionary with indices of type %s", t.IndexType)
	}
	seen := map[string]int{}
	var picks []int
	var word [8]byte
	for i := range values.Len() {
		k := 0
		if values.IsValid(i) {
			v, err := scalarBytes(data, i)
			if err != nil {
				return nil, err
			}
			var known bool
			if k, known = seen[string(v)]; !known {
				k = len(seen)
				seen[string(v)] = k
				picks = append(picks, i)
			}
		}
		if int64(k) >= limit {
			return nil, fault.ErrTooLarge
		}
		binary.LittleEndian.PutUint64(word[:], uint64(k))
		if err := idx.Append(word[:size]); err != nil {
			return nil, err
		}
		if err := idx.Valid().AppendRun(values.IsValid(i), 1); err != nil {
			return nil, err
		}
	}
	items, err := gather.Take(data, picks, rd.lim)
	if err != nil {
		return nil, err
	}
	defer items.Release()
	id, err := out.Finish()
	if err != nil {
		return nil, err
	}
	defer id.Release()
	return array.NewDataWithDictionary(t, id.Len(), id.Buffers(), id.NullN(), 0, items.(*array.Data)), nil
}

// scalarBytes is the bytes of a valid value of an array without offset.
func scalarBytes(d arrow.ArrayData, i int) ([]byte, error) {
	switch t := d.DataType().(type) {
	case *arrow.BooleanType:
		return []byte{d.Buffers()[1].Bytes()[i/8] >> (i % 8) & 1}, nil
	case *arrow.StringType, *arrow.BinaryType:
		o := d.Buffers()[1].Bytes()
		return d.Buffers()[2].Bytes()[binary.LittleEndian.Uint32(o[4*i:]):binary.LittleEndian.Uint32(o[4*i+4:])], nil
	case *arrow.LargeStringType, *arrow.LargeBinaryType:
		o := d.Buffers()[1].Bytes()
		return d.Buffers()[2].Bytes()[binary.LittleEndian.Uint64(o[8*i:]):binary.LittleEndian.Uint64(o[8*i+8:])], nil
	case arrow.FixedWidthDataType:
		w := t.BitWidth() / 8
		return d.Buffers()[1].Bytes()[i*w : (i+1)*w], nil
	}
	return nil, fault.Unsupportedf("dictionary of %s", d.DataType())
}
