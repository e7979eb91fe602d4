package bitpack

import (
	"math/rand/v2"
	"testing"
	"unsafe"
)

// pack is the definition of the format, one bit at a time.
func pack[T Word](in *[BlockValues]T, width int) []byte {
	var zero T
	bits := int(unsafe.Sizeof(zero)) * 8
	lanes := BlockValues / bits
	words := make([]T, lanes*width)
	for lane := range lanes {
		for row := range bits {
			v := in[order[row/8]*16+(row%8)*128+lane]
			for k := range width {
				bit := row*width + k
				words[bit/bits*lanes+lane] |= (v >> k & 1) << (bit % bits)
			}
		}
	}
	return append([]byte(nil), Bytes(words)...)
}

func roundTrip[T Word](t *testing.T) {
	t.Helper()
	var zero T
	bits := int(unsafe.Sizeof(zero)) * 8
	r := rand.New(rand.NewPCG(1, uint64(bits)))
	for width := range bits + 1 {
		var in, out [BlockValues]T
		for i := range in {
			in[i] = T(r.Uint64())
			if width < bits {
				in[i] &= T(1)<<width - 1
			}
		}
		packed := pack(&in, width)
		// An odd address: no view of words is possible.
		odd := append(make([]byte, 1, len(packed)+1), packed...)[1:]
		for _, p := range [][]byte{packed, odd} {
			out[5] = 77
			if err := Unpack(&out, p, width); err != nil {
				t.Fatal(err)
			}
			if in != out {
				t.Errorf("%d bits in %d: blocks differ", bits, width)
			}
		}
	}
	var out [BlockValues]T
	for _, width := range []int{-1, bits + 1} {
		if err := Unpack(&out, nil, width); err == nil {
			t.Errorf("width %d was accepted for %d bits", width, bits)
		}
	}
	if err := Unpack(&out, make([]byte, 127), 1); err == nil {
		t.Error("a short block was accepted")
	}
}

func TestBlocksUnpackToWhatWasPacked(t *testing.T) {
	t.Run("uint8", roundTrip[uint8])
	t.Run("uint16", roundTrip[uint16])
	t.Run("uint32", roundTrip[uint32])
	t.Run("uint64", roundTrip[uint64])
}

func BenchmarkUnpack(b *testing.B) {
	var in, out [BlockValues]uint32
	for i := range in {
		in[i] = uint32(i)
	}
	p := pack(&in, 10)
	b.SetBytes(4 * BlockValues)
	b.ReportAllocs()
	for b.Loop() {
		if err := Unpack(&out, p, 10); err != nil {
			b.Fatal(err)
		}
	}
}
