package values

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/pb"
)

// zstdMagic begins a bare Zstandard frame.
const zstdMagic = 0xfd2fb528

// Decompressor decompresses whole buffers. It keeps its output for the next call, until which it is valid.
type Decompressor struct {
	scheme pb.CompressionScheme
	most   int64 // bytes, of any output
	out    []byte
	dec    *zstd.Decoder
}

// NewDecompressor returns a Decompressor for a scheme whose outputs are at most so many bytes long. More is
// fault.ErrTooLarge.
func NewDecompressor(s pb.CompressionScheme, most int64) (*Decompressor, error) {
	switch s {
	case pb.CompressionLZ4, pb.CompressionZSTD:
		return &Decompressor{scheme: s, most: most}, nil
	}
	return nil, fault.Unsupportedf("compression scheme %d", s)
}

// newGeneral returns the Decompressor of an encoding. Lance compresses once: what is inside is not compressed again.
func newGeneral(e *pb.GeneralEncoding, most int64) (*Decompressor, error) {
	if e.Values != nil && e.Values.General != nil {
		return nil, fault.Unsupportedf("compression inside compression")
	}
	return NewDecompressor(e.Compression.Scheme, most)
}

// Decompress returns the bytes that b stands for.
func (g *Decompressor) Decompress(b []byte) ([]byte, error) { return g.upTo(b, math.MaxInt64) }

// upTo is Decompress where more than so many bytes contradict what is known.
func (g *Decompressor) upTo(b []byte, expect int64) ([]byte, error) {
	if g.scheme == pb.CompressionLZ4 {
		return g.lz4(b, expect)
	}
	return g.zstd(b, expect)
}

// check checks what bytes claim to become: n, which a compressor can make at most ratio times longer.
func (g *Decompressor) check(n uint64, b []byte, ratio, expect int64) error {
	switch {
	case n > uint64(len(b))*uint64(ratio) || n > uint64(expect):
		return fault.Corruptf("%d bytes from %d", n, len(b))
	case n > uint64(g.most):
		return fault.ErrTooLarge
	}
	return nil
}

// lz4 is a u32 of the uncompressed size, then one raw block.
func (g *Decompressor) lz4(b []byte, expect int64) ([]byte, error) {
	if len(b) < 4 {
		return nil, fault.Corruptf("lz4: block of %d bytes", len(b))
	}
	size := int64(binary.LittleEndian.Uint32(b))
	const ratio = 255
	if err := g.check(uint64(size), b, ratio, expect); err != nil {
		return nil, fmt.Errorf("lz4: %w", err)
	}
	if int64(cap(g.out)) < size {
		g.out = make([]byte, size)
	}
	g.out = g.out[:size]
	if size == 0 {
		return g.out, nil
	}
	n, err := lz4.UncompressBlock(b[4:], g.out)
	if err != nil {
		return nil, fault.Corruptf("lz4: %w", err)
	}
	if int64(n) != size {
		return nil, fault.Corruptf("lz4: %d bytes, want %d", n, size)
	}
	return g.out, nil
}

// maxZstdRatio is how many times longer a frame can become: a block of 4 bytes repeats one for 128 KiB.
const maxZstdRatio = 128 << 10 / 4

// zstd is a u64 of the uncompressed size, then one frame; older files have the frame alone.
func (g *Decompressor) zstd(b []byte, expect int64) ([]byte, error) {
	if len(b) < 4 {
		return nil, fault.Corruptf("zstd: block of %d bytes", len(b))
	}
	size, sized := uint64(0), false
	if binary.LittleEndian.Uint32(b) != zstdMagic {
		if len(b) < 8 {
			return nil, fault.Corruptf("zstd: block of %d bytes", len(b))
		}
		size, sized = binary.LittleEndian.Uint64(b), true
		b = b[8:]
	}
	var head zstd.Header
	if err := head.Decode(b); err != nil {
		return nil, fault.Corruptf("zstd: %w", err)
	}
	if head.HasFCS && !sized {
		size, sized = head.FrameContentSize, true
	}
	if err := g.check(size, b, maxZstdRatio, expect); err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	if g.dec == nil {
		// One goroutine and no history of its own: nothing to close. It fills the memory that it is given and no more.
		dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true))
		if err != nil {
			return nil, fault.Corruptf("zstd: %w", err)
		}
		g.dec = dec
	}
	n, last := int64(size), int64(size)
	if !sized { // nobody says how long it becomes: try with more and more
		last = min(int64(len(b))*maxZstdRatio, expect, g.most)
		n = min(4*int64(len(b))+4<<10, last)
	}
	for ; ; n = min(2*n, last) {
		if int64(cap(g.out)) < n {
			g.out = make([]byte, n)
		}
		out, err := g.dec.DecodeAll(b, g.out[:0:n])
		switch {
		case err == nil && sized && len(out) != int(size):
			return nil, fault.Corruptf("zstd: %d bytes, want %d", len(out), size)
		case err == nil:
			return out, nil
		case !errors.Is(err, zstd.ErrDecoderSizeExceeded):
			return nil, fault.Corruptf("zstd: %w", err)
		case n < last:
		case !sized && last == g.most:
			return nil, fmt.Errorf("zstd: %w", fault.ErrTooLarge)
		default:
			return nil, fault.Corruptf("zstd: more than %d bytes from %d", n, len(b))
		}
	}
}
