package encode

import (
	"encoding/binary"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/hearthcache/hearth/lance/pb"
)

// AppendLZ4 appends b compressed: its size, then one block.
func AppendLZ4(dst, b []byte) []byte {
	at := len(dst) + 4
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(b)))
	dst = append(dst, make([]byte, lz4.CompressBlockBound(len(b)))...)
	var c lz4.Compressor
	n, err := c.CompressBlock(b, dst[at:])
	if err != nil || n == 0 && len(b) > 0 {
		return dst[:at-4] // there is room for any block; not compressed means not used
	}
	return dst[:at+n]
}

// generalMini compresses the first buffer of each chunk of another encoder.
type generalMini struct {
	Mini
	scheme pb.CompressionScheme
	enc    *zstd.Encoder
	buf    []byte
}

func newGeneral(in Mini, scheme pb.CompressionScheme) Mini {
	g := &generalMini{Mini: in, scheme: scheme}
	if scheme == pb.CompressionZSTD {
		enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
		if err != nil {
			return in
		}
		g.enc = enc
	}
	return g
}

func (g *generalMini) Encoding() *pb.CompressiveEncoding {
	return &pb.CompressiveEncoding{General: &pb.GeneralEncoding{
		Compression: pb.BufferCompression{Scheme: g.scheme}, Values: g.Mini.Encoding(),
	}}
}

func (g *generalMini) Chunk(a, b int) [][]byte {
	bufs := g.Mini.Chunk(a, b)
	if g.enc != nil {
		g.buf = binary.LittleEndian.AppendUint64(g.buf[:0], uint64(len(bufs[0])))
		g.buf = g.enc.EncodeAll(bufs[0], g.buf)
	} else {
		g.buf = AppendLZ4(g.buf[:0], bufs[0])
	}
	bufs[0] = g.buf
	return bufs
}
