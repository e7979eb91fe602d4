package file

import (
	"encoding/binary"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/internal/encode"
	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/pb"
)

// fullZipBytes is the size of a value from which chunks are no use: a chunk would hold a handful, and a read of one row
// would read them all.
const fullZipBytes = 256

// fullZipFits says whether the page is to be written value by value: it is asked for, or values are large.
func (p *leafPage) fullZipFits() bool {
	v := p.values
	if p.isDictionary() || p.leafKind() == encode.Bits {
		return false // bits do not end with a byte
	}
	if p.path.NullAboveList() && (p.opts.Version != V21 || v.MaxBytes() <= maxChunk21/2) {
		// LanceDB 0.39 takes absent lists in null structs for values that follow, in its own pages too.
		return false
	}
	switch p.field.Metadata[keyStructural] {
	case "fullzip":
		return true
	case "miniblock":
		// A chunk of version 2.1 cannot be larger.
		return p.opts.Version == V21 && v.MaxBytes() > maxChunk21/2
	}
	return v.MaxBytes() >= fullZipBytes
}

// leafKind is the kind of the innermost values.
func (p *leafPage) leafKind() encode.Kind { return encode.Leaf(p.values).Kind }

// isDictionary says whether the field has an Arrow dictionary type, which Lance reads from pages with a dictionary only.
func (p *leafPage) isDictionary() bool { return p.field.Type.ID() == arrow.DICTIONARY }

// fullZip encodes the page value by value, each behind a control word with its levels; see pageRead.fullZip.
func (p *leafPage) fullZip() (*encodedPage, error) {
	l := &pb.FullZipLayout{
		NumItems: uint64(p.levels), NumVisibleItems: uint64(p.values.N), Layers: p.layers,
		BitsRep: uint32(bits.Len16(p.path.MaxRep())), BitsDef: uint32(bits.Len16(p.maxDef)),
	}
	z := &zipWriter{page: p, defBits: int(l.BitsDef)}
	switch n := l.BitsRep + l.BitsDef; {
	case n == 0:
	case n <= 8:
		z.control = 1
	case n <= 16:
		z.control = 2
	default:
		z.control = 4
	}
	out := &encodedPage{rows: p.rows, layout: &pb.PageLayout{FullZip: l}}
	if p.values.Kind == encode.Var {
		v, e := encode.PerValue(p.values, p.hints())
		l.Value = e
		l.BitsPerOffset = 32
		if v.Wide {
			l.BitsPerOffset = 64
		}
		z.variable(v)
	} else {
		z.width, l.Value = encode.ZipWidth(p.values)
		if z.width > 1<<28 {
			return nil, fault.Unsupportedf("values of %d bytes", z.width)
		}
		l.BitsPerValue = uint32(8 * z.width)
		z.fixed(p.values)
	}
	out.buffers = [][]byte{z.out}
	if p.rep != nil || p.values.Kind == encode.Var {
		out.buffers = append(out.buffers, packStarts(z.starts, len(z.out)))
	}
	return out, nil
}

// zipWriter zips levels and values.
type zipWriter struct {
	page    *leafPage
	control int // bytes of a control word
	defBits int
	width   int // bytes of a value of fixed size
	out     []byte
	starts  []int // where rows begin
}

// level appends control word i and says whether a value follows and whether that is no null.
func (z *zipWriter) level(i int) (visible, valid bool) {
	p := z.page
	rep, def := uint16(0), uint16(0)
	if p.rep != nil {
		rep = p.rep[i]
	}
	if p.num != nil {
		def = p.num[i]
	}
	if rep == p.path.MaxRep() {
		z.starts = append(z.starts, len(z.out))
	}
	word := uint32(rep)<<z.defBits | uint32(def)
	switch z.control {
	case 1:
		z.out = append(z.out, byte(word))
	case 2:
		z.out = binary.LittleEndian.AppendUint16(z.out, uint16(word))
	case 4:
		z.out = binary.LittleEndian.AppendUint32(z.out, word)
	}
	return def <= p.maxVisible, def == 0
}

func (z *zipWriter) fixed(v *encode.Values) {
	if z.control == 0 && encode.ZipIsPlain(v) {
		z.out = encode.Leaf(v).Data[:v.DataBytes()]
		return
	}
	z.out = make([]byte, 0, z.page.levels*z.control+v.N*z.width)
	next := 0
	for i := range z.page.levels {
		if visible, _ := z.level(i); visible {
			z.out = encode.AppendZip(z.out, v, next)
			next++
		}
	}
}

func (z *zipWriter) variable(v *encode.Values) {
	z.out = make([]byte, 0, z.page.levels*z.control+v.N*4+v.DataBytes())
	z.starts = make([]int, 0, z.page.rows)
	next := 0
	for i := range z.page.levels {
		visible, valid := z.level(i)
		if visible && valid {
			b := v.At(next)
			if v.Wide {
				z.out = binary.LittleEndian.AppendUint64(z.out, uint64(len(b)))
			} else {
				z.out = binary.LittleEndian.AppendUint32(z.out, uint32(len(b)))
			}
			z.out = append(z.out, b...)
		}
		if visible {
			next++
		}
	}
}

// packStarts are the places where rows begin, and the end, in as few bytes as hold the end.
func packStarts(starts []int, end int) []byte {
	width := 8
	switch {
	case end < 1<<8:
		width = 1
	case end < 1<<16:
		width = 2
	case end < 1<<32:
		width = 4
	}
	out := make([]byte, 0, width*(len(starts)+1))
	for _, s := range append(starts, end) {
		switch width {
		case 1:
			out = append(out, byte(s))
		case 2:
			out = binary.LittleEndian.AppendUint16(out, uint16(s))
		case 4:
			out = binary.LittleEndian.AppendUint32(out, uint32(s))
		default:
			out = binary.LittleEndian.AppendUint64(out, uint64(s))
		}
	}
	return out
}
