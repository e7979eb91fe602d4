package gather

import (
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/internal/sink"
)

// Number makes a dictionary array of n values: value i is item k of items[src] as at(i) says, or null when that is null or at is
// not ok. Equal values become one item, numbered in order of first appearance. More items than the index type counts are
// fault.ErrTooLarge. The caller releases the result and keeps the items.
func Number(t *arrow.DictionaryType, items []arrow.ArrayData, n int, at func(i int) (src, k int, ok bool), lim *sink.Limit) (arrow.ArrayData, error) {
	bits := t.IndexType.(arrow.FixedWidthDataType).BitWidth()
	size, most := bits/8, int64(1)<<min(bits, 32)
	if arrow.IsSignedInteger(t.IndexType.ID()) {
		most /= 2
	}
	leaf, err := sink.New(t.IndexType, lim)
	if err != nil {
		return nil, err
	}
	defer leaf.Release()
	idx, ok := leaf.(*sink.Fixed)
	if !ok {
		return nil, fault.Unsupportedf("dictionary with indices of type %s", t.IndexType)
	}
	seen := map[string]int{}
	var picks []Run
	var word [8]byte
	for i := range n {
		src, k, ok := at(i)
		no := 0
		if ok {
			bits := validity(items[src])
			ok = t.ValueType.ID() != arrow.NULL && (bits == nil || bits[k/8]>>(k%8)&1 == 1)
		}
		if ok {
			v, err := Bytes(items[src], k)
			if err != nil {
				return nil, err
			}
			var known bool
			if no, known = seen[string(v)]; !known {
				no = len(seen)
				if int64(no) >= most {
					return nil, fault.ErrTooLarge
				}
				seen[string(v)] = no
				picks = Add(picks, src, k)
			}
		}
		binary.LittleEndian.PutUint64(word[:], uint64(no))
		if err := idx.Append(word[:size]); err != nil {
			return nil, err
		}
		if err := idx.Valid().AppendRun(ok, 1); err != nil {
			return nil, err
		}
	}
	dict, err := Take(items, picks, lim)
	if err != nil {
		return nil, err
	}
	defer dict.Release()
	id, err := leaf.Finish()
	if err != nil {
		return nil, err
	}
	defer id.Release()
	return withDictionary(t, id, dict)
}

// withDictionary makes a dictionary array of indices and items.
func withDictionary(t *arrow.DictionaryType, id, items arrow.ArrayData) (arrow.ArrayData, error) {
	d, ok := items.(*array.Data)
	if !ok {
		return nil, fault.Unsupportedf("dictionary of another kind")
	}
	return array.NewDataWithDictionary(t, id.Len(), id.Buffers(), id.NullN(), 0, d), nil
}

// Bytes is the bytes of a valid value of an array without offset.
func Bytes(d arrow.ArrayData, i int) ([]byte, error) {
	switch t := d.DataType().(type) {
	case *arrow.BooleanType:
		return []byte{d.Buffers()[1].Bytes()[i/8] >> (i % 8) & 1}, nil
	case *arrow.StringType, *arrow.BinaryType:
		o := d.Buffers()[1].Bytes()
		return d.Buffers()[2].Bytes()[binary.LittleEndian.Uint32(o[4*i:]):binary.LittleEndian.Uint32(o[4*i+4:])], nil
	case *arrow.LargeStringType, *arrow.LargeBinaryType:
		o := d.Buffers()[1].Bytes()
		return d.Buffers()[2].Bytes()[binary.LittleEndian.Uint64(o[8*i:]):binary.LittleEndian.Uint64(o[8*i+8:])], nil
	case *arrow.FixedSizeListType, *arrow.DictionaryType:
	case arrow.FixedWidthDataType:
		w := t.BitWidth() / 8
		return d.Buffers()[1].Bytes()[i*w : (i+1)*w], nil
	}
	return nil, fault.Unsupportedf("dictionary of %s", d.DataType())
}

// takeDictionary takes indices. The items of one array are kept; those of several become one dictionary.
func takeDictionary(ds []arrow.ArrayData, t *arrow.DictionaryType, runs []Run, lim *sink.Limit) (arrow.ArrayData, error) {
	plain := make([]arrow.ArrayData, len(ds))
	items := make([]arrow.ArrayData, len(ds))
	for i, d := range ds {
		plain[i], items[i] = array.NewData(t.IndexType, d.Len(), d.Buffers(), nil, d.NullN(), 0), d.Dictionary()
		defer plain[i].Release()
	}
	if len(ds) == 1 {
		id, err := Take(plain, runs, lim)
		if err != nil {
			return nil, err
		}
		defer id.Release()
		return withDictionary(t, id, items[0])
	}
	size := t.IndexType.(arrow.FixedWidthDataType).BitWidth() / 8
	r, row := 0, -1 // the run and the row that value i is
	if len(runs) > 0 {
		row = runs[0].Lo - 1
	}
	at := func(int) (src, k int, ok bool) {
		if row++; row == runs[r].Hi {
			r++
			row = runs[r].Lo
		}
		d := plain[runs[r].Src]
		if bits := validity(d); bits != nil && bits[row/8]>>(row%8)&1 == 0 {
			return 0, 0, false
		}
		var word [8]byte
		copy(word[:], d.Buffers()[1].Bytes()[row*size:(row+1)*size])
		return runs[r].Src, int(binary.LittleEndian.Uint64(word[:])), true
	}
	return Number(t, items, total(runs), at, lim)
}
