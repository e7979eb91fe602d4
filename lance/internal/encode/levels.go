package encode

import (
	"github.com/hearthcache/hearth/lance/internal/bitpack"
	"github.com/hearthcache/hearth/lance/pb"
)

// Levels encodes repetition or definition levels of a page, chunk by chunk.
type Levels struct {
	width int // bits of a level; 0 for levels as they are
	block [bitpack.BlockValues]uint16
	buf   []byte
}

// NewLevels returns the encoder of the levels of a page.
func NewLevels(levels []uint16, _ bool) *Levels { return &Levels{width: bitpack.Width(levels)} }

// Encoding describes the chunks.
func (l *Levels) Encoding() *pb.CompressiveEncoding {
	if l.width == 0 {
		return flatEncoding(16)
	}
	return &pb.CompressiveEncoding{OutOfLineBitpack: &pb.OutOfLineBitpackEncoding{
		UncompressedBits: 16, Values: flatEncoding(l.width),
	}}
}

// Chunk returns the bytes of some levels, valid until the next call. Full groups of 1024 are packed; the rest is packed too, or
// left as it is where that is shorter. A reader tells which by the length, so a rest of the same length is left as it is.
func (l *Levels) Chunk(levels []uint16) []byte {
	out := l.buf[:0]
	for len(levels) > 0 {
		n := min(len(levels), bitpack.BlockValues)
		if l.width == 0 || 2*n <= bitpack.PackedBytes(l.width) {
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
