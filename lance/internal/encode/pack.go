package encode

import (
	"github.com/hearthcache/hearth/lance/internal/bitpack"
	"github.com/hearthcache/hearth/lance/pb"
)

// packLog is the logarithm of the values of a packed chunk.
const packLog = 10

// packMini packs blocks of 1024 integers, each to the bits that its largest needs, which stand in front of it.
type packMini[T bitpack.Word] struct {
	in    []T
	block [bitpack.BlockValues]T
	head  [1]T
	buf   []byte
}

// newPack returns the encoder of Fixed values whose width is that of an integer.
func newPack(v *Values) Mini {
	b := v.Data[:v.N*v.Width]
	switch v.Width {
	case 1:
		return &packMini[uint8]{in: bitpack.Words[uint8](b)}
	case 2:
		return &packMini[uint16]{in: bitpack.Words[uint16](b)}
	case 4:
		return &packMini[uint32]{in: bitpack.Words[uint32](b)}
	default:
		return &packMini[uint64]{in: bitpack.Words[uint64](b)}
	}
}

func (m *packMini[T]) bits() int { return 8 * len(bitpack.Bytes(m.head[:])) }

func (m *packMini[T]) Encoding() *pb.CompressiveEncoding {
	return &pb.CompressiveEncoding{InlineBitpack: &pb.InlineBitpackEncoding{UncompressedBits: uint64(m.bits())}}
}

func (m *packMini[T]) Buffers() int { return 1 }
func (m *packMini[T]) Log(int) int  { return packLog }

func (m *packMini[T]) Chunk(a, b int) [][]byte {
	width := bitpack.Width(m.in[a:b])
	clear(m.block[copy(m.block[:], m.in[a:b]):])
	m.head[0] = T(width)
	m.buf = append(m.buf[:0], bitpack.Bytes(m.head[:])...)
	m.buf = bitpack.AppendPacked(m.buf, &m.block, width)
	return [][]byte{m.buf}
}

// packedBytes is how many bytes integers take when they are packed.
func packedBytes[T bitpack.Word](in []T) int {
	size := 0
	for len(in) > 0 {
		n := min(len(in), bitpack.BlockValues)
		size += 8 + bitpack.PackedBytes(bitpack.Width(in[:n]))
		in = in[n:]
	}
	return size
}
