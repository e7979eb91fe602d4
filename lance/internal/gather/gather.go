// Package gather picks values of Arrow arrays by row, into new arrays.
//
// It knows the types that Lance columns have, and arrays without an offset, as the decoders make them. It exists because
// arrow-go's own take kernels come with a dependency on its Parquet packages, and its Concatenate fails for dictionaries in
// lists and leaves memory behind.
package gather

import (
	"encoding/binary"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/hearthcache/hearth/lance/internal/bitpack"
	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/internal/sink"
)

// Run is rows Lo up to but not including Hi of array Src.
type Run struct{ Src, Lo, Hi int }

// Add appends a row to runs.
func Add(runs []Run, src, row int) []Run { return add(runs, Run{src, row, row + 1}) }

// add appends a run, as a part of the last one where that is possible.
func add(runs []Run, r Run) []Run {
	if r.Lo == r.Hi {
		return runs
	}
	if n := len(runs); n > 0 && runs[n-1].Src == r.Src && runs[n-1].Hi == r.Lo {
		runs[n-1].Hi = r.Hi
		return runs
	}
	return append(runs, r)
}

// total is the number of rows in runs.
func total(runs []Run) int {
	n := 0
	for _, r := range runs {
		n += r.Hi - r.Lo
	}
	return n
}

// Take returns the rows of runs, one after another, of arrays of the same type, of which there is at least one. Rows are in range. The caller releases the result and keeps
// the arrays.
func Take(ds []arrow.ArrayData, runs []Run, lim *sink.Limit) (arrow.ArrayData, error) {
	for _, d := range ds {
		if d.Offset() != 0 {
			return nil, fault.Unsupportedf("taking from an array with an offset")
		}
	}
	switch t := ds[0].DataType().(type) {
	case *arrow.StructType:
		return takeStruct(ds, runs, lim)
	case *arrow.ListType, *arrow.LargeListType, *arrow.MapType:
		return takeList(ds, runs, lim)
	case *arrow.FixedSizeListType:
		return takeFixedList(ds, runs, int(t.Len()), lim)
	case *arrow.DictionaryType:
		return takeDictionary(ds, t, runs, lim)
	}
	leaf, err := sink.New(ds[0].DataType(), lim)
	if err != nil {
		return nil, err
	}
	defer leaf.Release()
	leaf.Hint(int64(total(runs)), lim.MaxBytes)
	if err := takeLeaf(leaf, ds, runs); err != nil {
		return nil, err
	}
	if err := takeValidity(leaf.Valid(), ds, runs); err != nil {
		return nil, err
	}
	return leaf.Finish()
}

// validity is the bitmap of an array, nil when there are no nulls.
func validity(d arrow.ArrayData) []byte {
	if d.NullN() == 0 || d.Buffers()[0] == nil {
		return nil
	}
	return d.Buffers()[0].Bytes()
}

func takeValidity(v *sink.Validity, ds []arrow.ArrayData, runs []Run) error {
	for _, r := range runs {
		var err error
		if bits := validity(ds[r.Src]); bits != nil {
			err = v.AppendBits(bits, r.Lo, r.Hi-r.Lo)
		} else {
			err = v.AppendRun(true, r.Hi-r.Lo)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func takeLeaf(leaf sink.Leaf, ds []arrow.ArrayData, runs []Run) error {
	switch leaf := leaf.(type) {
	case *sink.Null:
		return leaf.AppendEmpty(total(runs))
	case *sink.Bits:
		for _, r := range runs {
			if err := leaf.AppendBits(ds[r.Src].Buffers()[1].Bytes(), r.Lo, r.Hi-r.Lo); err != nil {
				return err
			}
		}
	case *sink.Fixed:
		w := leaf.Width()
		dst, err := leaf.Grow(total(runs))
		if err != nil {
			return err
		}
		for _, r := range runs {
			n := copy(dst, ds[r.Src].Buffers()[1].Bytes()[r.Lo*w:r.Hi*w])
			dst = dst[n:]
		}
	case *sink.Var:
		for _, r := range runs {
			offs, data := ds[r.Src].Buffers()[1].Bytes(), ds[r.Src].Buffers()[2].Bytes()
			var err error
			if wideOffsets(leaf.Type()) {
				o := bitpack.Words[uint64](offs)[r.Lo : r.Hi+1]
				err = leaf.AppendSlices64(data, o[0], o[1:])
			} else {
				o := bitpack.Words[uint32](offs)[r.Lo : r.Hi+1]
				err = leaf.AppendSlices32(data, o[0], o[1:])
			}
			if err != nil {
				return err
			}
		}
	default:
		return fault.Unsupportedf("taking from %s", leaf.Type())
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

// children are child i of each array.
func children(ds []arrow.ArrayData, i int) []arrow.ArrayData {
	out := make([]arrow.ArrayData, len(ds))
	for k, d := range ds {
		out[k] = d.Children()[i]
	}
	return out
}

func takeStruct(ds []arrow.ArrayData, runs []Run, lim *sink.Limit) (arrow.ArrayData, error) {
	members := make([]arrow.ArrayData, 0, len(ds[0].Children()))
	defer func() {
		for _, m := range members {
			m.Release()
		}
	}()
	for i := range ds[0].Children() {
		m, err := Take(children(ds, i), runs, lim)
		if err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	return nest(ds, runs, total(runs), members, lim)
}

// nest makes the array of the validity of runs over new children.
func nest(ds []arrow.ArrayData, runs []Run, n int, members []arrow.ArrayData, lim *sink.Limit) (arrow.ArrayData, error) {
	v := sink.NewValidity(lim)
	defer v.Release()
	if err := takeValidity(v, ds, runs); err != nil {
		return nil, err
	}
	return sink.Struct(ds[0].DataType(), n, v, members), nil
}

func takeList(ds []arrow.ArrayData, runs []Run, lim *sink.Limit) (arrow.ArrayData, error) {
	out := sink.NewList(ds[0].DataType(), lim)
	defer out.Release()
	wide := wideOffsets(ds[0].DataType())
	var items []Run
	for _, r := range runs {
		bits := validity(ds[r.Src])
		offs := ds[r.Src].Buffers()[1].Bytes()
		first := offset(offs, r.Lo, wide)
		lo := first
		for i := r.Lo; i < r.Hi; i++ {
			hi := offset(offs, i+1, wide)
			if err := out.Append(bits == nil || bits[i/8]>>(i%8)&1 == 1, int64(hi-lo)); err != nil {
				return nil, err
			}
			lo = hi
		}
		items = add(items, Run{r.Src, first, lo})
	}
	child, err := Take(children(ds, 0), items, lim)
	if err != nil {
		return nil, err
	}
	defer child.Release()
	return out.Finish(child)
}

func takeFixedList(ds []arrow.ArrayData, runs []Run, dim int, lim *sink.Limit) (arrow.ArrayData, error) {
	items := make([]Run, len(runs))
	for i, r := range runs {
		items[i] = Run{r.Src, r.Lo * dim, r.Hi * dim}
	}
	child, err := Take(children(ds, 0), items, lim)
	if err != nil {
		return nil, err
	}
	defer child.Release()
	return nest(ds, runs, total(runs), []arrow.ArrayData{child}, lim)
}

// Arrays is Take for arrays.
func Arrays(as []arrow.Array, runs []Run, lim *sink.Limit) (arrow.Array, error) {
	ds := make([]arrow.ArrayData, len(as))
	for i, a := range as {
		ds[i] = a.Data()
	}
	d, err := Take(ds, runs, lim)
	if err != nil {
		return nil, err
	}
	defer d.Release()
	return array.MakeFromData(d), nil
}
