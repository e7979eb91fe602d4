package encode

import (
	"encoding/binary"

	"github.com/hearthcache/hearth/lance/internal/bitpack"
	"github.com/hearthcache/hearth/lance/pb"
)

// Levels encodes repetition or definition levels of a page, chunk by chunk.
type Levels struct {
	width int // bits of a level; 0 for runs
	block [bitpack.BlockValues]uint16
	sizes []byte
	buf   []byte
}

// NewLevels returns the encoder of the levels of a page: packed, or as runs where those are much shorter.
func NewLevels(levels []uint16) *Levels {
	width := max(1, bitpack.Width(levels))
	if 3*countRuns(levels) < len(levels)*width/8/2 {
		width = 0
	}
	return &Levels{width: width}
}

// Encoding describes the chunks.
func (l *Levels) Encoding() *pb.CompressiveEncoding {
	if l.width == 0 {
		return runEncoding(16)
	}
	return &pb.CompressiveEncoding{OutOfLineBitpack: &pb.OutOfLineBitpackEncoding{
		UncompressedBits: 16, Values: flatEncoding(l.width),
	}}
}

// Chunk returns the bytes of some levels, valid until the next call.
//
// Of packed ones, full groups of 1024 are packed; the rest is packed too, or left as it is where that is shorter. A reader tells
// which by the length, so a rest of the same length is left as it is. Runs are the size of their values, those, and a length
// each.
func (l *Levels) Chunk(levels []uint16) []byte {
	if l.width == 0 {
		out := append(l.buf[:0], 0, 0, 0, 0, 0, 0, 0, 0)
		out, l.sizes = appendRuns(out, l.sizes[:0], bitpack.Bytes(levels), 2)
		binary.LittleEndian.PutUint64(out, uint64(len(out)-8))
		l.buf = append(out, l.sizes...)
		return l.buf
	}
	out := l.buf[:0]
	for len(levels) > 0 {
		n := min(len(levels), bitpack.BlockValues)
		if 2*n <= bitpack.PackedBytes(l.width) {
			out = append(out, bitpack.Bytes(levels[:n])...)
		} else {
			clear(l.block[copy(l.block[:], levels[:n]):])
			out = bitpack.AppendPacked(out, &l.block, l.width)
		}
		levels = levels[n:]
	}
	l.buf = out
	return out
}
