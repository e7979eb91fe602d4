package values

import (
	"encoding/binary"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/pb"
)

// zstdMagic begins a bare Zstandard frame.
const zstdMagic = 0xfd2fb528

// general decompresses whole buffers. It keeps its output for the next call.
type general struct {
	scheme pb.CompressionScheme
	out    []byte
	dec    *zstd.Decoder
}

func newGeneral(e *pb.GeneralEncoding) (*general, error) {
	switch e.Compression.Scheme {
	case pb.CompressionLZ4, pb.CompressionZSTD:
		return &general{scheme: e.Compression.Scheme}, nil
	}
	return nil, fault.Unsupportedf("compression scheme %d", e.Compression.Scheme)
}

// Decompressor decompresses buffers; its results are valid until the next call.
type Decompressor struct{ g general }

// NewDecompressor returns a Decompressor for a scheme.
func NewDecompressor(s pb.CompressionScheme) (*Decompressor, error) {
	g, err := newGeneral(&pb.GeneralEncoding{Compression: pb.BufferCompression{Scheme: s}})
	if err != nil {
		return nil, err
	}
	return &Decompressor{*g}, nil
}

// Decompress returns the bytes that b stands for.
func (d *Decompressor) Decompress(b []byte) ([]byte, error) { return d.g.decompress(b, -1) }

// decompress returns the bytes of b, which may be at most limit long; limit < 0 means that only the ratio to the input is
// bounded. The result is valid until the next call.
func (g *general) decompress(b []byte, limit int) ([]byte, error) {
	switch g.scheme {
	case pb.CompressionLZ4:
		return g.lz4(b, limit)
	case pb.CompressionZSTD:
		return g.zstd(b, limit)
	}
	return nil, fault.Unsupportedf("compression scheme %d", g.scheme)
}

// lz4 is a u32 of the uncompressed size, then one raw block.
func (g *general) lz4(b []byte, limit int) ([]byte, error) {
	if len(b) < 4 {
		return nil, fault.Corruptf("lz4: block of %d bytes", len(b))
	}
	size := int64(binary.LittleEndian.Uint32(b))
	// A block cannot expand more than 255 times.
	if size > 255*int64(len(b)) || (limit >= 0 && size > int64(limit)) {
		return nil, fault.Corruptf("lz4: %d bytes from %d", size, len(b))
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

// maxZstdRatio bounds what a frame may grow to when nothing else is known.
const (
	maxZstdRatio = 1 << 12
	maxZstdBytes = 1 << 30
)

// zstd is a u64 of the uncompressed size, then one frame; older files have the frame alone.
func (g *general) zstd(b []byte, limit int) ([]byte, error) {
	if len(b) < 4 {
		return nil, fault.Corruptf("zstd: block of %d bytes", len(b))
	}
	if most := len(b) * maxZstdRatio; limit < 0 || limit > most {
		limit = most
	}
	size := int64(-1)
	if binary.LittleEndian.Uint32(b) != zstdMagic {
		if len(b) < 8 {
			return nil, fault.Corruptf("zstd: block of %d bytes", len(b))
		}
		u := binary.LittleEndian.Uint64(b)
		if u > uint64(limit) {
			return nil, fault.Corruptf("zstd: %d bytes from %d", u, len(b))
		}
		size = int64(u)
		b = b[8:]
	}
	var head zstd.Header
	if err := head.Decode(b); err != nil {
		return nil, fault.Corruptf("zstd: %w", err)
	}
	if head.HasFCS && head.FrameContentSize > uint64(limit) {
		return nil, fault.Corruptf("zstd: %d bytes from %d", head.FrameContentSize, len(b))
	}
	if g.dec == nil {
		// One goroutine and no history of its own: nothing to close.
		dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxZstdBytes))
		if err != nil {
			return nil, fault.Corruptf("zstd: %w", err)
		}
		g.dec = dec
	}
	var err error
	if g.out, err = g.dec.DecodeAll(b, g.out[:0]); err != nil {
		return nil, fault.Corruptf("zstd: %w", err)
	}
	if size >= 0 && int64(len(g.out)) != size {
		return nil, fault.Corruptf("zstd: %d bytes, want %d", len(g.out), size)
	}
	return g.out, nil
}
