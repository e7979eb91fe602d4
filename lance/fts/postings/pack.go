package postings

import "encoding/binary"

// unpack128 expands 128 values of w bits, at most 32, from src, which holds at least 16*w bytes.
func unpack128(dst *[BlockDocs]uint32, src []byte, w uint) {
	if w == 0 {
		clear(dst[:])
		return
	}
	src = src[:16*w]
	mask := uint32(1)<<w - 1
	if w == 32 {
		mask = ^uint32(0)
	}
	bit := uint(0) // of this row within the lane's stream
	for row := 0; row < BlockDocs; row += 4 {
		words := src[bit/32*16:]
		words = words[:16]
		shift := bit % 32
		out := dst[row : row+4 : row+4]
		if shift+w <= 32 {
			out[0] = binary.LittleEndian.Uint32(words[0:]) >> shift & mask
			out[1] = binary.LittleEndian.Uint32(words[4:]) >> shift & mask
			out[2] = binary.LittleEndian.Uint32(words[8:]) >> shift & mask
			out[3] = binary.LittleEndian.Uint32(words[12:]) >> shift & mask
		} else {
			next := src[(bit/32+1)*16:]
			next = next[:16]
			back := 32 - shift
			out[0] = (binary.LittleEndian.Uint32(words[0:])>>shift | binary.LittleEndian.Uint32(next[0:])<<back) & mask
			out[1] = (binary.LittleEndian.Uint32(words[4:])>>shift | binary.LittleEndian.Uint32(next[4:])<<back) & mask
			out[2] = (binary.LittleEndian.Uint32(words[8:])>>shift | binary.LittleEndian.Uint32(next[8:])<<back) & mask
			out[3] = (binary.LittleEndian.Uint32(words[12:])>>shift | binary.LittleEndian.Uint32(next[12:])<<back) & mask
		}
		bit += w
	}
}

// varint reads an unsigned 32-bit varint from b and returns the rest.
func varint(b []byte) (v uint32, rest []byte, ok bool) {
	for i := 0; i < len(b) && i < 5; i++ {
		c := b[i]
		if i == 4 && c > 15 {
			return 0, nil, false
		}
		v |= uint32(c&0x7f) << (7 * i)
		if c < 0x80 {
			return v, b[i+1:], true
		}
	}
	return 0, nil, false
}
