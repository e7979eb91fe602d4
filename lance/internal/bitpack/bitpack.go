// Package bitpack unpacks integers stored in the FastLanes order: 1024 values of T bits as 1024 values of W bits.
//
// A block is cut into 1024/T lanes. Row r of a lane (r in 0..T) holds W bits at bit r*W of the lane's own stream, and the
// words of all lanes are interleaved: word k of lane l is packed word k*lanes+l. Rows are permuted, so that lanes can be
// unpacked side by side:
//
//	index of (row, lane) = order[row/8]*16 + (row%8)*128 + lane,   order = 0 4 2 6 1 5 3 7
//
// Everything is little-endian. The functions keep no state and check every length before they read.
package bitpack

import (
	"encoding/binary"
	"fmt"
	"unsafe"
)

// BlockValues is the number of values of a block.
const BlockValues = 1024

// Word is an integer type that values are packed in.
type Word interface {
	~uint8 | ~uint16 | ~uint32 | ~uint64
}

var order = [8]int{0, 4, 2, 6, 1, 5, 3, 7}

// PackedBytes is the size of a block of values of width bits.
func PackedBytes(width int) int { return BlockValues / 8 * width }

// Unpack writes the 1024 values of the packed block in to out. It returns an error when width is no width of T or in does
// not hold exactly the block.
func Unpack[T Word](out *[BlockValues]T, in []byte, width int) error {
	var zero T
	bits := int(unsafe.Sizeof(zero)) * 8
	if width < 0 || width > bits {
		return fmt.Errorf("bit width %d for values of %d bits", width, bits)
	}
	if len(in) != PackedBytes(width) {
		return fmt.Errorf("%d bytes for a block of width %d, want %d", len(in), width, PackedBytes(width))
	}
	if width == 0 {
		clear(out[:])
		return nil
	}
	lanes := BlockValues / bits
	words := Words[T](in)
	mask := ^T(0) >> (bits - width)
	for row := range bits {
		at := order[row/8]*16 + (row%8)*128
		bit := row * width
		w, shift := bit/bits, bit%bits
		dst := out[at : at+lanes]
		lo := words[w*lanes : (w+1)*lanes]
		lo = lo[:len(dst)]
		if shift+width <= bits {
			for l := range dst {
				dst[l] = lo[l] >> shift & mask
			}
			continue
		}
		hi := words[(w+1)*lanes : (w+2)*lanes]
		hi = hi[:len(dst)]
		up := bits - shift
		for l := range dst {
			dst[l] = (lo[l]>>shift | hi[l]<<up) & mask
		}
	}
	return nil
}

var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// Words returns the little-endian words of b: a view of it where memory allows that, else a copy. Bytes after the last whole
// word are left out.
func Words[T Word](b []byte) []T {
	var zero T
	size := int(unsafe.Sizeof(zero))
	n := len(b) / size
	if n == 0 {
		return nil
	}
	p := unsafe.Pointer(unsafe.SliceData(b))
	if littleEndian && uintptr(p)%uintptr(size) == 0 {
		return unsafe.Slice((*T)(p), n)
	}
	out := make([]T, n)
	for i := range out {
		switch size {
		case 1:
			out[i] = T(b[i])
		case 2:
			out[i] = T(binary.LittleEndian.Uint16(b[2*i:]))
		case 4:
			out[i] = T(binary.LittleEndian.Uint32(b[4*i:]))
		default:
			out[i] = T(binary.LittleEndian.Uint64(b[8*i:]))
		}
	}
	return out
}

// Bytes is the view of words as little-endian bytes, a copy on a big-endian machine.
func Bytes[T Word](words []T) []byte {
	var zero T
	size := int(unsafe.Sizeof(zero))
	if len(words) == 0 {
		return nil
	}
	if littleEndian {
		return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), len(words)*size)
	}
	out := make([]byte, 0, len(words)*size)
	for _, w := range words {
		v := uint64(w)
		for range size {
			out = append(out, byte(v))
			v >>= 8
		}
	}
	return out
}
