package encode

import (
	"math"

	"github.com/hearthcache/hearth/lance/pb"
)

// Kind is how values are laid out.
type Kind uint8

// The kinds.
const (
	Fixed Kind = iota // Width bytes each
	Bits              // one bit each
	Var               // of varying length
	List              // Dim items each
	Null              // nothing
)

// Values are the plain values of a page or a part of it. They are not changed by this package.
type Values struct {
	Kind Kind
	N    int
	// Width is the size of a Fixed value in bytes.
	Width int
	// Data is little-endian values one after another, a bitmap with the first value in the lowest bit, or the bytes of values
	// of varying length.
	Data []byte
	// Offsets are N+1 offsets into Data of Var values.
	Offsets []int64
	// Wide says that Var values have 64-bit offsets in Arrow, and in pages.
	Wide bool
	// Dim is the number of items of a List value; Items holds N*Dim of them.
	Dim   int
	Items *Values
	// Valid is a bitmap of which of these N values are no nulls; nil when all are. Only items of lists have one: the validity
	// of other values is in their levels.
	Valid []byte
}

// Slice returns values a to b. Bitmaps are copied, everything else aliases v.
func (v *Values) Slice(a, b int) *Values {
	out := *v
	out.N = b - a
	switch v.Kind {
	case Fixed:
		out.Data = v.Data[a*v.Width : b*v.Width]
	case Bits:
		out.Data = sliceBits(v.Data, a, b)
	case Var:
		out.Offsets = v.Offsets[a : b+1]
	case List:
		out.Items = v.Items.Slice(a*v.Dim, b*v.Dim)
	}
	if v.Valid != nil {
		out.Valid = sliceBits(v.Valid, a, b)
	}
	return &out
}

// sliceBits returns bits a to b as a bitmap of their own, with zeros behind the last.
func sliceBits(bits []byte, a, b int) []byte {
	n := b - a
	out := make([]byte, (n+7)/8)
	if a%8 == 0 {
		copy(out, bits[a/8:])
	} else {
		src, shift := bits[a/8:], a%8
		for i := range out {
			out[i] = src[i] >> shift
			if i+1 < len(src) {
				out[i] |= src[i+1] << (8 - shift)
			}
		}
	}
	if n%8 != 0 {
		out[len(out)-1] &= 1<<(n%8) - 1
	}
	return out
}

// At is value i of Fixed or Var values.
func (v *Values) At(i int) []byte {
	if v.Kind == Var {
		return v.Data[v.Offsets[i]:v.Offsets[i+1]]
	}
	return v.Data[i*v.Width : (i+1)*v.Width]
}

// DataBytes is how many bytes of Data the values have.
func (v *Values) DataBytes() int {
	switch v.Kind {
	case Fixed:
		return v.N * v.Width
	case Bits:
		return (v.N + 7) / 8
	case Var:
		return int(v.Offsets[v.N] - v.Offsets[0])
	case List:
		return v.Items.DataBytes()
	}
	return 0
}

// MaxBytes is the size of the largest value; of items in bits, rounded up.
func (v *Values) MaxBytes() int {
	switch v.Kind {
	case Fixed:
		return v.Width
	case Bits:
		return 1
	case Var:
		most := int64(0)
		for i := range v.N {
			most = max(most, v.Offsets[i+1]-v.Offsets[i])
		}
		return int(min(most, math.MaxInt32))
	case List:
		return int(min(int64(v.valueBits()+7)/8, math.MaxInt32))
	}
	return 0
}

// valueBits is the size of a value of fixed size in bits, without validity.
func (v *Values) valueBits() int {
	switch v.Kind {
	case Fixed:
		return 8 * v.Width
	case Bits:
		return 1
	case List:
		return v.Dim * v.Items.valueBits()
	}
	return 0
}

// flatEncoding is values of fixed size as they are.
func flatEncoding(bits int) *pb.CompressiveEncoding {
	return &pb.CompressiveEncoding{Flat: &pb.FlatEncoding{BitsPerValue: uint64(bits)}}
}

// plainEncoding is the encoding of values as they are.
func (v *Values) plainEncoding() *pb.CompressiveEncoding {
	switch v.Kind {
	case Var:
		bits := 32
		if v.Wide {
			bits = 64
		}
		return &pb.CompressiveEncoding{Variable: &pb.VariableEncoding{Offsets: flatEncoding(bits)}}
	case List:
		return &pb.CompressiveEncoding{FixedSizeList: &pb.FixedSizeListEncoding{
			ItemsPerValue: uint64(v.Dim), Values: v.Items.plainEncoding(), HasValidity: v.Items.Valid != nil,
		}}
	}
	return flatEncoding(v.valueBits())
}

// Pick returns some Fixed or Var values in new memory.
func (v *Values) Pick(at []int) *Values {
	out := &Values{Kind: v.Kind, N: len(at), Width: v.Width, Wide: v.Wide}
	if v.Kind == Var {
		out.Offsets = make([]int64, 1, len(at)+1)
	}
	for _, i := range at {
		out.Data = append(out.Data, v.At(i)...)
		if v.Kind == Var {
			out.Offsets = append(out.Offsets, int64(len(out.Data)))
		}
	}
	return out
}
