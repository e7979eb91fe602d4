package file

import (
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/internal/sink"
	"github.com/hearthcache/hearth/lance/internal/values"
	"github.com/hearthcache/hearth/lance/pb"
)

// binary20 appends values of varying length. Null rows are marked in their offsets.
func (rd *reading) binary20(p *page, e *pb.Binary20, spans []span, leaf sink.Leaf) error {
	leaf, valid := unwrap(leaf)
	v, ok := leaf.(*sink.Var)
	if !ok {
		return fault.Corruptf("binary values in a column of another kind")
	}
	f, err := plainFlat(e.Bytes)
	if err != nil {
		return fmt.Errorf("bytes: %w", err)
	}
	if f.BitsPerValue != 8 {
		return fault.Corruptf("bytes of %d bits", f.BitsPerValue)
	}
	for _, s := range spans {
		ends, first, err := rd.offsets20(p, e.Indices, s, e.NullAdjustment)
		if err != nil {
			return err
		}
		last := first
		for _, x := range ends {
			if x.end < last || x.end > math.MaxInt64 {
				return fault.Corruptf("value ends at %d after %d", x.end, last)
			}
			last = x.end
		}
		data, err := rd.bytes20(p, f, int64(first), int64(last))
		if err != nil {
			return err
		}
		offs := make([]uint64, len(ends))
		for i, x := range ends {
			offs[i] = x.end - first
		}
		if err := v.AppendSlices64(data, 0, offs); err != nil {
			return err
		}
		for i := 0; i < len(ends); {
			j := i
			for j < len(ends) && ends[j].null == ends[i].null {
				j++
			}
			if err := valid.AppendRun(!ends[i].null, j-i); err != nil {
				return err
			}
			i = j
		}
	}
	return nil
}

// fsst20 decodes binary values that were compressed one by one.
func (rd *reading) fsst20(p *page, e *pb.FSST20, spans []span, leaf sink.Leaf) error {
	leaf, valid := unwrap(leaf)
	v, ok := leaf.(*sink.Var)
	if !ok {
		return fault.Corruptf("fsst values in a column of another kind")
	}
	t, err := values.Table(&pb.FSSTEncoding{SymbolTable: e.SymbolTable})
	if err != nil {
		return err
	}
	tmp, err := sink.New(arrow.BinaryTypes.LargeBinary, rd.lim)
	if err != nil {
		return err
	}
	defer tmp.Release()
	if err := rd.values20(p, e.Binary, spans, tmp); err != nil {
		return err
	}
	data, err := tmp.Finish()
	if err != nil {
		return err
	}
	defer data.Release()
	in := array.NewLargeBinaryData(data)
	defer in.Release()
	for i := range in.Len() {
		switch {
		case in.IsNull(i):
			err = v.AppendEmpty(1)
		case t.On():
			err = values.AppendFSST(v, t, in.Value(i))
		default:
			err = v.Append(in.Value(i))
		}
		if err == nil {
			err = valid.AppendRun(in.IsValid(i), 1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
