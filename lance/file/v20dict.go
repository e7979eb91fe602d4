package file

import (
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/internal/gather"
	"github.com/hearthcache/hearth/lance/internal/sink"
	"github.com/hearthcache/hearth/lance/pb"
)

// dictionary20 appends the items that indices name. In a dictionary that Lance made of texts, index 0 is null and k is item k-1;
// in one of a column of an Arrow dictionary type, k is item k, and null is an item.
func (rd *reading) dictionary20(p *page, e *pb.Dictionary20, spans []span, leaf sink.Leaf) error {
	leaf, valid := unwrap(leaf)
	if e.Items == nil || e.Items.Dictionary != nil {
		return fault.Corruptf("dictionary without items")
	}
	data, err := rd.items20(p, e, leaf)
	if err != nil {
		return fmt.Errorf("dictionary: %w", err)
	}
	defer data.Release()
	items := array.MakeFromData(data)
	defer items.Release()
	f, err := plainFlat(e.Indices)
	if err != nil {
		return fmt.Errorf("dictionary indices: %w", err)
	}
	size := int64(f.BitsPerValue / 8)
	switch size {
	case 1, 2, 4, 8:
	default:
		return fault.Unsupportedf("dictionary indices of %d bits", f.BitsPerValue)
	}
	runs := make([]span, len(spans))
	for i, s := range spans {
		if s.hi > math.MaxInt64/size {
			return fault.Corruptf("%d dictionary indices of %d bytes", s.hi, size)
		}
		runs[i] = span{s.lo * size, s.hi * size}
	}
	bufs, err := rd.flatBytes(p, f, runs)
	if err != nil {
		return err
	}
	for j, s := range spans {
		b := bufs[j]
		for i := range s.len() {
			k := uintAt(b[i*size : (i+1)*size])
			none := false
			if !rd.plainIndices {
				none, k = k == 0, k-1
			}
			if !none && k >= uint64(items.Len()) {
				return fault.Corruptf("dictionary index %d of %d items", k, items.Len())
			}
			null := none || items.IsNull(int(k))
			if null {
				err = leaf.AppendEmpty(1)
			} else {
				err = appendItem(leaf, data, int(k))
			}
			if err == nil {
				err = valid.AppendRun(!null, 1)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// appendItem appends one value of an array of the leaf's type.
func appendItem(leaf sink.Leaf, d arrow.ArrayData, i int) error {
	v, err := gather.Bytes(d, i)
	if err != nil {
		return err
	}
	switch leaf := leaf.(type) {
	case *sink.Var:
		return leaf.Append(v)
	case *sink.Fixed:
		return leaf.Append(v)
	}
	return fault.Unsupportedf("version 2.0 dictionary of %s", d.DataType())
}

// items20 decodes the items of a dictionary, which have the type of leaf.
func (rd *reading) items20(p *page, e *pb.Dictionary20, leaf sink.Leaf) (arrow.ArrayData, error) {
	tmp, err := sink.New(leaf.Type(), rd.lim)
	if err != nil {
		return nil, err
	}
	defer tmp.Release()
	if err := rd.values20(p, e.Items, appendSpan(nil, span{0, int64(e.NumItems)}), tmp); err != nil {
		return nil, err
	}
	return tmp.Finish()
}
