package values

import (
	"encoding/binary"
	"math"

	"github.com/hearthcache/hearth/lance/internal/bitpack"
	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/pb"
)

// fixed decodes values of a fixed number of bits into bytes: whole little-endian values, or a bitmap for one bit.
type fixed interface {
	buffers() int
	// load returns at least n values; the bytes are valid until the next load.
	load(bufs [][]byte, n int) ([]byte, error)
}

func bytesOf(bits, n int) int { return (bits*n + 7) / 8 }

// newFixed returns the decoder for values of exactly the number of bits.
func newFixed(e *pb.CompressiveEncoding, bits int) (fixed, error) {
	switch {
	case e == nil:
		return nil, fault.Corruptf("no value encoding")
	case e.Flat != nil:
		if e.Flat.Data != nil && e.Flat.Data.Scheme != pb.CompressionNone {
			return nil, fault.Unsupportedf("flat values with compression %d", e.Flat.Data.Scheme)
		}
		if e.Flat.BitsPerValue != uint64(bits) {
			return nil, fault.Corruptf("flat values of %d bits in a column of %d bits", e.Flat.BitsPerValue, bits)
		}
		return flat{bits}, nil
	case e.InlineBitpack != nil:
		if e.InlineBitpack.UncompressedBits != uint64(bits) {
			return nil, fault.Corruptf("packed values of %d bits in a column of %d bits", e.InlineBitpack.UncompressedBits, bits)
		}
		switch bits {
		case 8:
			return &inline[uint8]{}, nil
		case 16:
			return &inline[uint16]{}, nil
		case 32:
			return &inline[uint32]{}, nil
		case 64:
			return &inline[uint64]{}, nil
		}
		return nil, fault.Unsupportedf("inline_bitpacking of %d bits", bits)
	case e.RLE != nil:
		return newRLE(e.RLE, bits)
	case e.ByteStreamSplit != nil:
		in, err := newFixed(e.ByteStreamSplit.Values, bits)
		if err != nil {
			return nil, err
		}
		if _, ok := in.(flat); !ok || bits%8 != 0 {
			return nil, fault.Unsupportedf("byte_stream_split of %s values of %d bits", e.ByteStreamSplit.Values.Name(), bits)
		}
		return &streamSplit{width: bits / 8}, nil
	case e.General != nil:
		in, err := newFixed(e.General.Values, bits)
		if err != nil {
			return nil, err
		}
		g, err := newGeneral(e.General, math.MaxInt64)
		if err != nil {
			return nil, err
		}
		return &generalFixed{in: in, general: g, bits: bits}, nil
	}
	return nil, fault.Unsupportedf("encoding %s for values of %d bits", e.Name(), bits)
}

// flat is values as they are.
type flat struct{ bits int }

func (flat) buffers() int { return 1 }

func (f flat) load(bufs [][]byte, n int) ([]byte, error) {
	if need := bytesOf(f.bits, n); len(bufs[0]) < need {
		return nil, fault.Corruptf("flat: %d values of %d bits in %d bytes", n, f.bits, len(bufs[0]))
	}
	return bufs[0], nil
}

// inline is one FastLanes block with its width in front.
type inline[T bitpack.Word] struct{ out [bitpack.BlockValues]T }

func (*inline[T]) buffers() int { return 1 }

func (p *inline[T]) load(bufs [][]byte, n int) ([]byte, error) {
	if n > bitpack.BlockValues {
		return nil, fault.Corruptf("inline_bitpacking: %d values in one block", n)
	}
	if err := unpackInline(&p.out, bufs[0]); err != nil {
		return nil, err
	}
	return bitpack.Bytes(p.out[:n]), nil
}

func unpackInline[T bitpack.Word](out *[bitpack.BlockValues]T, b []byte) error {
	words := bitpack.Words[T](b[:min(len(b), 8)])
	if len(words) == 0 {
		return fault.Corruptf("inline_bitpacking: block of %d bytes", len(b))
	}
	size := len(bitpack.Bytes(out[:1]))
	width := uint64(words[0])
	if width > 64 {
		return fault.Corruptf("inline_bitpacking: bit width %d", width)
	}
	if err := bitpack.Unpack(out, b[size:], int(width)); err != nil {
		return fault.Corruptf("inline_bitpacking: %w", err)
	}
	return nil
}

// rle is run values and run lengths of one byte.
type rle struct {
	width int
	out   []byte
}

func newRLE(e *pb.RLEEncoding, bits int) (fixed, error) {
	if e.Values == nil || e.Values.Flat == nil || e.RunLengths == nil || e.RunLengths.Flat == nil {
		return nil, fault.Unsupportedf("rle of %s values and %s lengths", e.Values.Name(), e.RunLengths.Name())
	}
	if e.RunLengths.Flat.BitsPerValue != 8 {
		return nil, fault.Unsupportedf("rle with lengths of %d bits", e.RunLengths.Flat.BitsPerValue)
	}
	if e.Values.Flat.BitsPerValue != uint64(bits) || bits%8 != 0 {
		return nil, fault.Corruptf("runs of %d-bit values in a column of %d bits", e.Values.Flat.BitsPerValue, bits)
	}
	return &rle{width: bits / 8}, nil
}

func (*rle) buffers() int { return 2 }

func (r *rle) load(bufs [][]byte, n int) ([]byte, error) {
	out, err := expandRuns(r.out[:0], bufs[0], bufs[1], r.width, n)
	r.out = out
	return out, err
}

// expandRuns appends n values of width bytes to out.
func expandRuns(out, vals, lengths []byte, width, n int) ([]byte, error) {
	if len(vals) != len(lengths)*width {
		return nil, fault.Corruptf("rle: %d bytes of values of %d bytes for %d runs", len(vals), width, len(lengths))
	}
	if n > 255*len(lengths) {
		return nil, fault.Corruptf("rle: %d runs for %d values", len(lengths), n)
	}
	if need := n * width; cap(out) < need {
		out = make([]byte, 0, need)
	}
	left := n
	for i, l := range lengths {
		k := min(int(l), left)
		left -= k
		v := vals[i*width : (i+1)*width]
		switch width {
		case 8:
			x := binary.LittleEndian.Uint64(v)
			for range k {
				out = binary.LittleEndian.AppendUint64(out, x)
			}
		case 4:
			x := binary.LittleEndian.Uint32(v)
			for range k {
				out = binary.LittleEndian.AppendUint32(out, x)
			}
		default:
			for range k {
				out = append(out, v...)
			}
		}
	}
	if left > 0 {
		return nil, fault.Corruptf("rle: runs are %d values short of %d", left, n)
	}
	return out, nil
}

// streamSplit is byte k of every value together, for every k.
type streamSplit struct {
	width int
	out   []byte
}

func (*streamSplit) buffers() int { return 1 }

func (s *streamSplit) load(bufs [][]byte, n int) ([]byte, error) {
	if len(bufs[0]) != n*s.width {
		return nil, fault.Corruptf("byte_stream_split: %d values of %d bytes in %d bytes", n, s.width, len(bufs[0]))
	}
	if cap(s.out) < len(bufs[0]) {
		s.out = make([]byte, len(bufs[0]))
	}
	out := s.out[:len(bufs[0])]
	for k := range s.width {
		stream := bufs[0][k*n : (k+1)*n]
		for i, v := range stream {
			out[i*s.width+k] = v
		}
	}
	return out, nil
}

// generalFixed is another encoding whose first buffer is compressed.
type generalFixed struct {
	in      fixed
	bits    int
	general *Decompressor
}

// encodedBytes is how long the encoded form of n values can be: that of the values themselves, but for headers and padding.
func encodedBytes(bits, n int) int64 { return 2*int64(bytesOf(bits, n)) + 8192 }

func (g *generalFixed) buffers() int { return g.in.buffers() }

func (g *generalFixed) load(bufs [][]byte, n int) ([]byte, error) {
	b, err := g.general.upTo(bufs[0], encodedBytes(g.bits, n))
	if err != nil {
		return nil, err
	}
	inner := append([][]byte{b}, bufs[1:]...)
	return g.in.load(inner, n)
}
