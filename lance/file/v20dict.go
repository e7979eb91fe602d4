package file

import (
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/internal/sink"
	"github.com/hearthcache/hearth/lance/pb"
)

// dictionary20 appends the items that indices name; index 0 is null, k is item k-1.
func (rd *reading) dictionary20(p *page, e *pb.Dictionary20, spans []span, leaf sink.Leaf) error {
	leaf, valid := unwrap(leaf)
	v, ok := leaf.(*sink.Var)
	if !ok {
		return fault.Unsupportedf("version 2.0 dictionary of values that are not strings or bytes")
	}
	items, err := rd.items20(p, e)
	if err != nil {
		return fmt.Errorf("dictionary: %w", err)
	}
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
	for _, s := range spans {
		b, err := rd.bytes20(p, f, s.lo*size, s.hi*size)
		if err != nil {
			return err
		}
		var word [8]byte
		for i := range int(s.len()) {
			copy(word[:], b[i*int(size):(i+1)*int(size)])
			k := binary.LittleEndian.Uint64(word[:])
			if k > uint64(items.Len()) {
				return fault.Corruptf("dictionary index %d of %d items", k, items.Len())
			}
			null := k == 0 || items.IsNull(int(k-1))
			if null {
				err = v.AppendEmpty(1)
			} else {
				err = v.Append(items.Value(int(k - 1)))
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

// items20 decodes the items of a dictionary.
func (rd *reading) items20(p *page, e *pb.Dictionary20) (*array.LargeBinary, error) {
	tmp, err := sink.New(arrow.BinaryTypes.LargeBinary, rd.lim)
	if err != nil {
		return nil, err
	}
	defer tmp.Release()
	if e.Items == nil || e.Items.Dictionary != nil {
		return nil, fault.Corruptf("dictionary without items")
	}
	if err := rd.values20(p, e.Items, []span{{0, int64(e.NumItems)}}, tmp); err != nil {
		return nil, err
	}
	data, err := tmp.Finish()
	if err != nil {
		return nil, err
	}
	defer data.Release()
	return array.NewLargeBinaryData(data), nil
}
