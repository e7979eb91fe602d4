package values

import (
	"encoding/binary"
	"math"

	"github.com/hearthcache/hearth/lance/internal/bitpack"
	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/pb"
)

// Levels decodes n repetition or definition levels and appends them to dst.
func Levels(dst []uint16, e *pb.CompressiveEncoding, b []byte, n int) ([]uint16, error) {
	out, err := fixedBlock(e, b, n, 16)
	if err != nil {
		return nil, err
	}
	return append(dst, bitpack.Words[uint16](out)[:n]...), nil
}

// fixedBlock decodes n values of the number of bits stored as one buffer.
func fixedBlock(e *pb.CompressiveEncoding, b []byte, n, bits int) ([]byte, error) {
	switch {
	case e == nil:
		return nil, fault.Corruptf("no encoding")
	case e.General != nil:
		g, err := newGeneral(e.General, math.MaxInt64)
		if err != nil {
			return nil, err
		}
		if b, err = g.upTo(b, encodedBytes(bits, n)); err != nil {
			return nil, err
		}
		return fixedBlock(e.General.Values, b, n, bits)
	case e.RLE != nil:
		return rleBlock(e.RLE, b, n, bits)
	case e.OutOfLineBitpack != nil:
		return outOfLine(e.OutOfLineBitpack, b, n, bits)
	}
	f, err := newFixed(e, bits)
	if err != nil {
		return nil, err
	}
	if f.buffers() != 1 {
		return nil, fault.Unsupportedf("encoding %s for a block", e.Name())
	}
	return f.load([][]byte{b}, n)
}

// rleBlock is a u64 of the size of the values, the values, and a length of one byte for each.
func rleBlock(e *pb.RLEEncoding, b []byte, n, bits int) ([]byte, error) {
	if _, err := newRLE(e, bits); err != nil {
		return nil, err
	}
	if len(b) < 8 {
		return nil, fault.Corruptf("rle block of %d bytes", len(b))
	}
	size := binary.LittleEndian.Uint64(b)
	b = b[8:]
	if size > uint64(len(b)) {
		return nil, fault.Corruptf("rle block: %d bytes of values in %d", size, len(b))
	}
	vals, lengths := b[:size], b[size:]
	return expandRuns(nil, vals, lengths, bits/8, n)
}

// outOfLine is packed blocks of one width; the tail is another block or raw values, as the length tells.
func outOfLine(e *pb.OutOfLineBitpackEncoding, b []byte, n, bits int) ([]byte, error) {
	if e.UncompressedBits != uint64(bits) || e.Values == nil || e.Values.Flat == nil {
		return nil, fault.Corruptf("out_of_line_bitpacking of %d bits as %s for values of %d bits",
			e.UncompressedBits, e.Values.Name(), bits)
	}
	width := e.Values.Flat.BitsPerValue
	if width > uint64(bits) {
		return nil, fault.Corruptf("out_of_line_bitpacking: bit width %d", width)
	}
	switch bits {
	case 8:
		return unpackBlocks[uint8](b, n, int(width))
	case 16:
		return unpackBlocks[uint16](b, n, int(width))
	case 32:
		return unpackBlocks[uint32](b, n, int(width))
	case 64:
		return unpackBlocks[uint64](b, n, int(width))
	}
	return nil, fault.Unsupportedf("out_of_line_bitpacking of %d bits", bits)
}

func unpackBlocks[T bitpack.Word](b []byte, n, width int) ([]byte, error) {
	full, tail := n/bitpack.BlockValues, n%bitpack.BlockValues
	per := bitpack.PackedBytes(width)
	// Values of no bits take no bytes; nobody writes many of them.
	if (per > 0 && full > len(b)/per) || (per == 0 && n > MaxChunkValues) {
		return nil, fault.Corruptf("out_of_line_bitpacking: %d values of %d bits in %d bytes", n, width, len(b))
	}
	var block [bitpack.BlockValues]T
	size := len(bitpack.Bytes(block[:1]))
	out := make([]T, 0, n)
	for i := range full {
		if err := bitpack.Unpack(&block, b[i*per:(i+1)*per], width); err != nil {
			return nil, fault.Corruptf("out_of_line_bitpacking: %w", err)
		}
		out = append(out, block[:]...)
	}
	rest := b[full*per:]
	switch {
	case tail == 0:
	case len(rest) == tail*size:
		out = append(out, bitpack.Words[T](rest)...)
	case len(rest) == per:
		if err := bitpack.Unpack(&block, rest, width); err != nil {
			return nil, fault.Corruptf("out_of_line_bitpacking: %w", err)
		}
		out = append(out, block[:tail]...)
	default:
		return nil, fault.Corruptf("out_of_line_bitpacking: %d bytes for the last %d values", len(rest), tail)
	}
	return bitpack.Bytes(out), nil
}

// varBlock decodes n values of varying length stored as one buffer of at most so many bytes:
//
//	u32 32 | u32 start of the bytes | u32 offsets [n+1] from 0 | bytes        (or the same in u64)
func varBlock(e *pb.CompressiveEncoding, b []byte, n int, most int64) (varView, error) {
	var none varView
	if e != nil && e.General != nil {
		g, err := newGeneral(e.General, most)
		if err != nil {
			return none, err
		}
		if b, err = g.Decompress(b); err != nil {
			return none, err
		}
		e = e.General.Values
	}
	if e == nil || e.Variable == nil {
		return none, fault.Unsupportedf("encoding %s for a block of values of varying length", e.Name())
	}
	if len(b) < 8 {
		return none, fault.Corruptf("variable block of %d bytes", len(b))
	}
	switch bits := binary.LittleEndian.Uint32(b); bits {
	case 32:
		start := binary.LittleEndian.Uint32(b[4:])
		if start < 8 || uint64(start) > uint64(len(b)) {
			return none, fault.Corruptf("variable block: bytes at %d of %d", start, len(b))
		}
		return newVarView(b[8:start], b[start:], false, n)
	case 64:
		if len(b) < 16 {
			return none, fault.Corruptf("variable block of %d bytes", len(b))
		}
		start := binary.LittleEndian.Uint64(b[8:])
		if start < 16 || start > uint64(len(b)) {
			return none, fault.Corruptf("variable block: bytes at %d of %d", start, len(b))
		}
		return newVarView(b[16:start], b[start:], true, n)
	default:
		return none, fault.Corruptf("variable block: offsets of %d bits", bits)
	}
}
