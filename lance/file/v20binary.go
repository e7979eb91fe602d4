package file

import (
	"fmt"

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
	runs, err := rd.offsets20(p, e.Indices, spans, e.NullAdjustment)
	if err != nil {
		return err
	}
	parts := make([]span, len(runs))
	for i, r := range runs {
		parts[i] = span{int64(r.first), int64(r.ends[len(r.ends)-1].end)}
	}
	bufs, err := rd.flatBytes(p, f, parts)
	if err != nil {
		return err
	}
	var offs []uint64
	for k, r := range runs {
		offs = offs[:0]
		for _, x := range r.ends {
			offs = append(offs, x.end-r.first)
		}
		if err := v.AppendSlices64(bufs[k], 0, offs); err != nil {
			return err
		}
		for i := 0; i < len(r.ends); {
			j := i
			for j < len(r.ends) && r.ends[j].null == r.ends[i].null {
				j++
			}
			if err := valid.AppendRun(!r.ends[i].null, j-i); err != nil {
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
