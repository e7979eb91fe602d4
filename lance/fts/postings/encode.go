package postings

import (
	"encoding/binary"
	"math/bits"
)

// Posting is one document of a list.
type Posting struct {
	Doc       uint32
	Frequency uint32
	Positions []uint32 // ascending, Frequency of them; ignored for an index without positions
}

// Encoded is a posting list as the columns of an index file hold it.
type Encoded struct {
	Docs            uint32
	MaxScore        float32
	Blocks          [][]byte
	Impacts         [][]byte
	Positions       []byte
	PositionOffsets []uint32
}

// EncodeOptions say how to encode lists.
type EncodeOptions struct {
	// Length returns the number of terms in a document.
	Length func(doc uint32) uint32
	// Score returns what the term adds to the score of a document under the statistics of the partition.
	Score func(doc, frequency uint32) float32
	// Positions says that the index has positions.
	Positions bool
}

// Encode encodes a list as LanceDB does, byte for byte. list is in ascending order of documents and borrowed until return.
func Encode(list []Posting, opts EncodeOptions) *Encoded {
	l := NewLists(opts.Positions)
	l.New()
	for _, p := range list {
		l.Append(0, p, opts.Length(p.Doc))
	}
	var p Parts
	l.Parts(0, &p, PartsOptions{Score: opts.Score})
	e := &Encoded{Docs: p.Docs, MaxScore: p.MaxScore, Positions: p.Positions, PositionOffsets: p.PositionOffsets}
	for i := range p.Blocks.Len() {
		e.Blocks = append(e.Blocks, p.Blocks.At(i))
	}
	for i := range p.Impacts.Len() {
		e.Impacts = append(e.Impacts, p.Impacts.At(i))
	}
	return e
}

// appendPacked appends the width of the widest value and the values in that width.
func appendPacked(b []byte, values *[BlockDocs]uint32) []byte {
	all := uint32(0)
	for _, v := range values {
		all |= v
	}
	w := bits.Len32(all)
	b = append(b, byte(w))
	var words [4 * 32]uint32
	for i, v := range values {
		lane, bit := i%4, i/4*w
		words[bit/32*4+lane] |= v << (bit % 32)
		if bit%32+w > 32 {
			words[(bit/32+1)*4+lane] |= v >> (32 - bit%32)
		}
	}
	for _, word := range words[:4*w] {
		b = binary.LittleEndian.AppendUint32(b, word)
	}
	return b
}

func appendVarint(b []byte, v uint32) []byte { return binary.AppendUvarint(b, uint64(v)) }
