package bitpack

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// Width is the number of bits that the largest of the values needs.
func Width[T Word](vs []T) int {
	var all T
	for _, v := range vs {
		all |= v
	}
	return bits.Len64(uint64(all))
}

// AppendPacked appends the block of the 1024 values packed to width bits. Bits of values above the width are lost; Width says
// what is needed.
func AppendPacked[T Word](dst []byte, in *[BlockValues]T, width int) []byte {
	var zero T
	size := int(unsafe.Sizeof(zero))
	bits := size * 8
	if width == 0 {
		return dst
	}
	lanes := BlockValues / bits
	at := len(dst)
	dst = append(dst, make([]byte, PackedBytes(width))...)
	out := dst[at:]
	mask := ^T(0) >> (bits - width)
	words := make([]T, lanes*width)
	for row := range bits {
		src := in[order[row/8]*16+(row%8)*128:]
		src = src[:lanes]
		bit := row * width
		w, shift := bit/bits, bit%bits
		lo := words[w*lanes : (w+1)*lanes]
		lo = lo[:len(src)]
		for l, v := range src {
			lo[l] |= (v & mask) << shift
		}
		if shift+width > bits {
			up := bits - shift
			hi := words[(w+1)*lanes : (w+2)*lanes]
			hi = hi[:len(src)]
			for l, v := range src {
				hi[l] |= (v & mask) >> up
			}
		}
	}
	if littleEndian {
		copy(out, Bytes(words))
		return dst
	}
	for i, v := range words {
		switch size {
		case 1:
			out[i] = byte(v)
		case 2:
			binary.LittleEndian.PutUint16(out[2*i:], uint16(v))
		case 4:
			binary.LittleEndian.PutUint32(out[4*i:], uint32(v))
		default:
			binary.LittleEndian.PutUint64(out[8*i:], uint64(v))
		}
	}
	return dst
}
