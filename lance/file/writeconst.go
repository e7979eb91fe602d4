package file

import (
	"bytes"
	"encoding/binary"

	"github.com/hearthcache/hearth/lance/internal/bitpack"
	"github.com/hearthcache/hearth/lance/internal/encode"
	"github.com/hearthcache/hearth/lance/pb"
)

// maxInline is the largest value that is kept in the description of a page.
const maxInline = 32

// allNull encodes a page without any value: nothing but its levels, and not even those when every row is the same null.
func (p *leafPage) allNull() *encodedPage {
	c := &pb.ConstantLayout{Layers: p.layers}
	out := &encodedPage{rows: p.rows, layout: &pb.PageLayout{Constant: c}}
	if len(p.path.Lists) == 1 {
		return out
	}
	out.buffers = [][]byte{bitpack.Bytes(p.rep), bitpack.Bytes(p.num)}
	return out
}

// constant encodes a page in which every value is the same, nil when they are not or cannot be said so.
func (p *leafPage) constant() *encodedPage {
	v := p.values
	c := &pb.ConstantLayout{Layers: p.layers}
	out := &encodedPage{rows: p.rows, layout: &pb.PageLayout{Constant: c}}
	switch v.Kind {
	case encode.Bits:
		bit := v.Data[0] & 1
		for i := range v.N {
			if v.Data[i/8]>>(i%8)&1 != bit {
				return nil
			}
		}
		c.InlineValue, c.HasInlineValue = []byte{bit}, true
	case encode.Fixed:
		w := v.Width
		// Equal to itself one value further on: all are equal.
		if w > maxInline || !bytes.Equal(v.Data[:(v.N-1)*w], v.Data[w:v.N*w]) {
			return nil
		}
		c.InlineValue, c.HasInlineValue = v.Data[:w], true
	case encode.Var:
		first := v.At(0)
		for i := 1; i < v.N; i++ {
			if !bytes.Equal(first, v.At(i)) {
				return nil
			}
		}
		out.buffers = [][]byte{constantBytes(first, v.Wide)}
	default:
		return nil
	}
	return out
}

// constantBytes is a value of varying length as a buffer; see pageRead.scalar.
func constantBytes(v []byte, wide bool) []byte {
	le := binary.LittleEndian
	offsets := le.AppendUint32(make([]byte, 4), uint32(len(v)))
	if wide {
		offsets = le.AppendUint64(make([]byte, 8), uint64(len(v)))
	}
	b := le.AppendUint32(nil, 2)
	b = le.AppendUint32(b, uint32(len(offsets)))
	b = le.AppendUint32(b, uint32(len(v)))
	return append(append(b, offsets...), v...)
}
