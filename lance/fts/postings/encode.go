package postings

import (
	"encoding/binary"
	"math"
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
	e := &Encoded{Docs: uint32(len(list))}
	blocks := (len(list) + BlockDocs - 1) / BlockDocs
	for i := range blocks {
		e.block(list[i*BlockDocs:min(len(list), (i+1)*BlockDocs)], opts)
	}
	for i := range blocks {
		e.impacts(list[i*BlockDocs:min(len(list), (i+1)*BlockDocs)], opts)
	}
	const group = BlockDocs * ImpactGroup
	for i := 0; i < len(list); i += group {
		e.impacts(list[i:min(len(list), i+group)], opts)
	}
	return e
}

func (e *Encoded) block(list []Posting, opts EncodeOptions) {
	best := float32(0)
	for _, p := range list {
		best = max(best, opts.Score(p.Doc, p.Frequency))
	}
	e.MaxScore = max(e.MaxScore, best)
	b := binary.LittleEndian.AppendUint32(nil, math.Float32bits(best))
	var deltas, frequencies [BlockDocs]uint32
	last := list[0].Doc
	for i, p := range list {
		deltas[i], frequencies[i] = p.Doc-last, p.Frequency
		last = p.Doc
	}
	if len(list) == BlockDocs {
		b = binary.LittleEndian.AppendUint32(b, list[0].Doc)
		b = appendPacked(b, &deltas)
		b = appendPacked(b, &frequencies)
	} else {
		deltas[0] = list[0].Doc
		for i := range list {
			b = appendVarint(b, deltas[i])
		}
		for i := range list {
			b = appendVarint(b, frequencies[i])
		}
	}
	e.Blocks = append(e.Blocks, b)
	if opts.Positions {
		e.positions(list)
	}
}

func (e *Encoded) positions(list []Posting) {
	e.PositionOffsets = append(e.PositionOffsets, uint32(len(e.Positions)))
	var group [BlockDocs]uint32
	n := 0
	for _, p := range list {
		last := uint32(0)
		for _, at := range p.Positions {
			group[n] = at - last
			last = at
			if n++; n == BlockDocs {
				e.Positions = appendPacked(e.Positions, &group)
				n = 0
			}
		}
	}
	for _, d := range group[:n] {
		e.Positions = appendVarint(e.Positions, d)
	}
}

// impacts appends the blob of the documents that no other of list beats.
func (e *Encoded) impacts(list []Posting, opts EncodeOptions) {
	var best [256]uint32 // highest frequency by norm
	for _, p := range list {
		norm := EncodeLength(opts.Length(p.Doc))
		best[norm] = max(best[norm], p.Frequency)
	}
	var pairs []byte
	count, at := uint32(0), Impact{}
	for norm, frequency := range best {
		if frequency <= at.Frequency {
			continue
		}
		gap, step := uint8(norm)-at.Norm, (frequency-at.Frequency-1)<<1
		if gap == 1 {
			pairs = appendVarint(pairs, step)
		} else {
			pairs = append(appendVarint(pairs, step|1), gap)
		}
		at = Impact{frequency, uint8(norm)}
		count++
	}
	b := appendVarint(nil, list[len(list)-1].Doc)
	b = appendVarint(b, count)
	e.Impacts = append(e.Impacts, append(b, pairs...))
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
