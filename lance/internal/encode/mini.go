package encode

import (
	"encoding/binary"
	"math/bits"

	"github.com/hearthcache/hearth/lance/pb"
)

const (
	// chunkBytes is about how large the values of a chunk get: what one random access reads.
	chunkBytes = 4 << 10
	// maxChunkLog is the logarithm of the most values of a chunk.
	maxChunkLog = 12
)

// Mini encodes the values of a page chunk by chunk.
type Mini interface {
	// Encoding describes the chunks.
	Encoding() *pb.CompressiveEncoding
	// Buffers is how many buffers a chunk has.
	Buffers() int
	// Log is the logarithm of how many values the chunk that begins with value at should have.
	Log(at int) int
	// Chunk returns the buffers of values a to b. They are valid until the next call.
	Chunk(a, b int) [][]byte
}

// Plain returns the encoder of values as they are.
func Plain(v *Values) Mini {
	if v.Kind == Var {
		return &varMini{v: v}
	}
	log := maxChunkLog
	if b := v.valueBits(); b > 0 {
		log = min(maxChunkLog, bits.Len(uint(max(1, 8*chunkBytes/b)))-1)
	}
	return &flatMini{v: v, log: log}
}

// flatMini is values of a fixed number of bits.
type flatMini struct {
	v   *Values
	log int
}

func (m *flatMini) Encoding() *pb.CompressiveEncoding { return m.v.plainEncoding() }

func (m *flatMini) Buffers() int {
	n := 1
	for v := m.v; v.Kind == List; v = v.Items {
		if v.Items.Valid != nil {
			n++
		}
	}
	return n
}

func (m *flatMini) Log(int) int { return m.log }

func (m *flatMini) Chunk(a, b int) [][]byte {
	var out [][]byte
	v := m.v.Slice(a, b)
	for ; v.Kind == List; v = v.Items {
		if v.Items.Valid != nil {
			out = append(out, v.Items.Valid)
		}
	}
	return append(out, v.Data[:v.DataBytes()])
}

// varMini is offsets relative to the start of the buffer, then bytes.
type varMini struct {
	v   *Values
	buf []byte
}

func (m *varMini) Encoding() *pb.CompressiveEncoding { return m.v.plainEncoding() }
func (m *varMini) Buffers() int                      { return 1 }

func (m *varMini) offsetBytes() int {
	if m.v.Wide {
		return 8
	}
	return 4
}

func (m *varMini) Log(at int) int {
	w := int64(m.offsetBytes())
	for log := maxChunkLog; log > 0; log-- {
		n := min(1<<log, m.v.N-at)
		if m.v.Offsets[at+n]-m.v.Offsets[at]+w*int64(n+1) <= chunkBytes {
			return log
		}
	}
	return 0
}

// variablePad fills the end of a chunk of values of varying length.
const variablePad = 0x48

func (m *varMini) Chunk(a, b int) [][]byte {
	w := m.offsetBytes()
	n := b - a
	base := m.v.Offsets[a]
	start := int64(w * (n + 1))
	out := m.buf[:0]
	for _, o := range m.v.Offsets[a : b+1] {
		if w == 8 {
			out = binary.LittleEndian.AppendUint64(out, uint64(start+o-base))
		} else {
			out = binary.LittleEndian.AppendUint32(out, uint32(start+o-base))
		}
	}
	out = append(out, m.v.Data[base:m.v.Offsets[b]]...)
	for len(out)%w != 0 {
		out = append(out, variablePad)
	}
	m.buf = out
	return [][]byte{out}
}
