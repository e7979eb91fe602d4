package bitpack_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/hearthcache/hearth/lance/internal/bitpack"
)

func packRoundTrip[T bitpack.Word](t *testing.T) {
	t.Helper()
	var zero T
	size := int(unsafe.Sizeof(zero)) * 8
	r := rand.New(rand.NewPCG(1, uint64(size)))
	for width := range size + 1 {
		t.Run(fmt.Sprintf("%d of %d bits", width, size), func(t *testing.T) {
			var in, out [bitpack.BlockValues]T
			for i := range in {
				in[i] = T(r.Uint64() & (1<<width - 1))
			}
			b := bitpack.AppendPacked([]byte{1, 2, 3}, &in, width)[3:]
			if len(b) != bitpack.PackedBytes(width) {
				t.Fatalf("%d bytes", len(b))
			}
			if err := bitpack.Unpack(&out, b, width); err != nil {
				t.Fatal(err)
			}
			if in != out {
				t.Error("other values came back")
			}
			if w := bitpack.Width(in[:]); w > width {
				t.Errorf("width %d", w)
			}
		})
	}
}

func TestPackedValuesUnpack(t *testing.T) {
	packRoundTrip[uint8](t)
	packRoundTrip[uint16](t)
	packRoundTrip[uint32](t)
	packRoundTrip[uint64](t)
}
