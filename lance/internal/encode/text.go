package encode

import (
	"encoding/binary"

	"github.com/hearthcache/hearth/lance/internal/fsst"
	"github.com/hearthcache/hearth/lance/pb"
)

const (
	// minText is how many bytes of values it takes for a symbol table, which has 2312, to pay; Lance has the same limit.
	minText = 32 << 10
	// minTextValue is the length that the longest value must have.
	minTextValue = 5
)

// compressText compresses values of varying length one by one; nil when that does not pay.
func compressText(v *Values, force bool) (*Values, []byte) {
	size := v.DataBytes()
	if !force && (size < minText || v.MaxBytes() < minTextValue) || size == 0 {
		return nil, nil
	}
	e := fsst.Train(v.N, v.At)
	out := &Values{Kind: Var, N: v.N, Wide: v.Wide, Offsets: make([]int64, 1, v.N+1)}
	out.Data = make([]byte, 0, size/2+64)
	for i := range v.N {
		out.Data = e.AppendEncoded(out.Data, v.At(i))
		out.Offsets = append(out.Offsets, int64(len(out.Data)))
		if !force && i == v.N/8 && len(out.Data) > int(v.Offsets[i+1]-v.Offsets[0])*9/10 {
			return nil, nil
		}
	}
	if !force && len(out.Data)+fsst.TableBytes > size*9/10 {
		return nil, nil
	}
	return out, e.Table()
}

func fsstEncoding(table []byte, in *pb.CompressiveEncoding) *pb.CompressiveEncoding {
	return &pb.CompressiveEncoding{FSST: &pb.FSSTEncoding{SymbolTable: table, Values: in}}
}

// textMini is the chunks of values that were compressed one by one.
type textMini struct {
	Mini
	table []byte
}

func (m *textMini) Encoding() *pb.CompressiveEncoding {
	return fsstEncoding(m.table, m.Mini.Encoding())
}

// PerValue returns the values of varying length as a full-zip page holds them, and their encoding.
func PerValue(v *Values, h Hints) (*Values, *pb.CompressiveEncoding) {
	if !h.Plain && h.Compression != "none" {
		if out, table := compressText(v, h.Compression == "fsst"); out != nil {
			return out, fsstEncoding(table, v.plainEncoding())
		}
	}
	return v, v.plainEncoding()
}

// varBlock is values of varying length as one buffer; see values.varBlock, which reads it.
func varBlock(v *Values) []byte {
	le := binary.LittleEndian
	base := v.Offsets[0]
	var b []byte
	if v.Wide {
		b = le.AppendUint32(make([]byte, 0, 16+8*(v.N+1)+v.DataBytes()), 64)
		b = le.AppendUint32(b, 0)
		b = le.AppendUint64(b, uint64(16+8*(v.N+1)))
		for _, o := range v.Offsets[:v.N+1] {
			b = le.AppendUint64(b, uint64(o-base))
		}
	} else {
		b = le.AppendUint32(make([]byte, 0, 8+4*(v.N+1)+v.DataBytes()), 32)
		b = le.AppendUint32(b, uint32(8+4*(v.N+1)))
		for _, o := range v.Offsets[:v.N+1] {
			b = le.AppendUint32(b, uint32(o-base))
		}
	}
	return append(b, v.Data[base:v.Offsets[v.N]]...)
}
