package values

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/hearthcache/hearth/lance/internal/fault"
	"github.com/hearthcache/hearth/lance/internal/sink"
	"github.com/hearthcache/hearth/lance/pb"
)

func flatOf(bits uint64) *pb.CompressiveEncoding {
	return &pb.CompressiveEncoding{Flat: &pb.FlatEncoding{BitsPerValue: bits}}
}

func u32s(vs ...uint32) []byte {
	var b []byte
	for _, v := range vs {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

func u16s(vs ...uint16) []byte {
	var b []byte
	for _, v := range vs {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	return b
}

// lz4Block is a compressed block with its size in front.
func lz4Block(t *testing.T, b []byte) []byte {
	t.Helper()
	out := make([]byte, lz4.CompressBlockBound(len(b)))
	n, err := lz4.CompressBlock(b, out, nil)
	if err != nil || n == 0 {
		t.Fatalf("%d bytes, %v", n, err)
	}
	return append(u32s(uint32(len(b))), out[:n]...)
}

// decodeUint32 decodes values a to b of a chunk.
func decodeUint32(t *testing.T, e *pb.CompressiveEncoding, bufs [][]byte, n, a, b int) ([]uint32, error) {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	leaf, err := sink.New(arrow.PrimitiveTypes.Uint32, &sink.Limit{Mem: mem, MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer leaf.Release()
	d, err := New(e, leaf)
	if err != nil {
		return nil, err
	}
	if err := d.Load(bufs, n); err != nil {
		return nil, err
	}
	if err := d.Append(a, b); err != nil {
		return nil, err
	}
	data, err := leaf.Finish()
	if err != nil {
		t.Fatal(err)
	}
	defer data.Release()
	arr := array.NewUint32Data(data)
	defer arr.Release()
	return slices.Clone(arr.Uint32Values()), nil
}

func TestFixedEncodingsDecode(t *testing.T) {
	rle := &pb.CompressiveEncoding{RLE: &pb.RLEEncoding{Values: flatOf(32), RunLengths: flatOf(8)}}
	split := &pb.CompressiveEncoding{ByteStreamSplit: &pb.ByteStreamSplitEncoding{Values: flatOf(32)}}
	packed := &pb.CompressiveEncoding{InlineBitpack: &pb.InlineBitpackEncoding{UncompressedBits: 32}}
	under := func(s pb.CompressionScheme, e *pb.CompressiveEncoding) *pb.CompressiveEncoding {
		return &pb.CompressiveEncoding{General: &pb.GeneralEncoding{Compression: pb.BufferCompression{Scheme: s}, Values: e}}
	}
	many := u32s(slices.Repeat([]uint32{9}, 64)...)
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	frame := enc.EncodeAll(many, nil)
	sized := append(binary.LittleEndian.AppendUint64(nil, uint64(len(many))), frame...)
	for name, c := range map[string]struct {
		e       *pb.CompressiveEncoding
		bufs    [][]byte
		n, a, b int
		want    []uint32
	}{
		"flat":                   {flatOf(32), [][]byte{u32s(1, 2, 3)}, 3, 1, 3, []uint32{2, 3}},
		"runs":                   {rle, [][]byte{u32s(7, 8), {2, 3}}, 5, 1, 4, []uint32{7, 8, 8}},
		"byte streams":           {split, [][]byte{{1, 2, 3, 4, 0, 0, 9, 9}}, 2, 0, 2, []uint32{0x09000301, 0x09000402}},
		"packed with no bits":    {packed, [][]byte{u32s(0)}, 3, 0, 3, []uint32{0, 0, 0}},
		"lz4 over flat":          {under(pb.CompressionLZ4, flatOf(32)), [][]byte{lz4Block(t, many)}, 64, 62, 64, []uint32{9, 9}},
		"zstd over flat":         {under(pb.CompressionZSTD, flatOf(32)), [][]byte{sized}, 64, 62, 64, []uint32{9, 9}},
		"a bare zstd frame":      {under(pb.CompressionZSTD, flatOf(32)), [][]byte{frame}, 64, 63, 64, []uint32{9}},
		"lz4 over byte streams":  {under(pb.CompressionLZ4, split), [][]byte{lz4Block(t, make([]byte, 64))}, 16, 0, 1, []uint32{0}},
		"runs longer than chunk": {rle, [][]byte{u32s(7), {200}}, 3, 0, 3, []uint32{7, 7, 7}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := decodeUint32(t, c.e, c.bufs, c.n, c.a, c.b)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for name, c := range map[string]struct {
		e    *pb.CompressiveEncoding
		bufs [][]byte
		n    int
		want error
	}{
		"flat too short":         {flatOf(32), [][]byte{u32s(1)}, 2, fault.ErrCorrupt},
		"flat of another width":  {flatOf(64), [][]byte{u32s(1, 2)}, 1, fault.ErrCorrupt},
		"runs too short":         {rle, [][]byte{u32s(7), {2}}, 3, fault.ErrCorrupt},
		"runs without values":    {rle, [][]byte{u32s(7), {2, 1}}, 3, fault.ErrCorrupt},
		"packed width too large": {packed, [][]byte{u32s(33)}, 3, fault.ErrCorrupt},
		"packed block too short": {packed, [][]byte{u32s(1, 0)}, 3, fault.ErrCorrupt},
		"too many packed":        {packed, [][]byte{u32s(0)}, 1025, fault.ErrCorrupt},
		"lz4 that claims much":   {under(pb.CompressionLZ4, flatOf(32)), [][]byte{u32s(1<<31, 0)}, 3, fault.ErrCorrupt},
		"zstd that claims much":  {under(pb.CompressionZSTD, flatOf(32)), [][]byte{binary.LittleEndian.AppendUint64(nil, 1<<50)}, 3, fault.ErrCorrupt},
		"another compressor":     {under(9, flatOf(32)), [][]byte{nil}, 3, fault.ErrUnsupported},
		"delta":                  {&pb.CompressiveEncoding{Other: 15}, [][]byte{nil}, 3, fault.ErrUnsupported},
		"packed struct":          {&pb.CompressiveEncoding{PackedStruct: &pb.PackedStructEncoding{}}, [][]byte{nil}, 3, fault.ErrUnsupported},
		"nothing":                {nil, [][]byte{nil}, 3, fault.ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := decodeUint32(t, c.e, c.bufs, c.n, 0, c.n); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestLevelBlocksDecode(t *testing.T) {
	outOfLine := &pb.CompressiveEncoding{OutOfLineBitpack: &pb.OutOfLineBitpackEncoding{UncompressedBits: 16, Values: flatOf(1)}}
	rle := &pb.CompressiveEncoding{RLE: &pb.RLEEncoding{Values: flatOf(16), RunLengths: flatOf(8)}}
	runs := append(binary.LittleEndian.AppendUint64(nil, 4), append(u16s(1, 0), 3, 2)...)
	block := slices.Repeat([]byte{0xff}, 128)
	for name, c := range map[string]struct {
		e    *pb.CompressiveEncoding
		b    []byte
		n    int
		want []uint16
	}{
		"raw":                       {flatOf(16), u16s(0, 1, 2), 3, []uint16{0, 1, 2}},
		"runs":                      {rle, runs, 5, []uint16{1, 1, 1, 0, 0}},
		"packed with a packed tail": {outOfLine, block, 3, []uint16{1, 1, 1}},
		"packed with a raw tail":    {outOfLine, append(slices.Clone(block), u16s(0, 1)...), 1026, append(slices.Repeat([]uint16{1}, 1024), 0, 1)},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Levels(nil, c.e, c.b, c.n)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for name, c := range map[string]struct {
		e *pb.CompressiveEncoding
		b []byte
		n int
	}{
		"raw too short":             {flatOf(16), u16s(0), 3},
		"runs too few":              {rle, runs, 6},
		"runs of no size":           {rle, nil, 1},
		"packed with half a tail":   {outOfLine, append(slices.Clone(block), 1, 2, 3), 1026},
		"packed without its blocks": {outOfLine, block, 5000},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Levels(nil, c.e, c.b, c.n); !errors.Is(err, fault.ErrCorrupt) {
				t.Errorf("got %v, want ErrCorrupt", err)
			}
		})
	}
}
