package bloom

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/internal/seedtest"
)

func TestHashesOfKnownKeys(t *testing.T) {
	tests := []struct {
		name string
		add  func(*Key)
		want uint64
	}{
		{"int64 1", func(k *Key) { k.Int64(1) }, 0x7467d6524c084857},
		{"int32 1", func(k *Key) { k.Int32(1) }, 0x53de5ce8452a2c5a},
		{"utf8 a", func(k *Key) { k.String("a") }, 0x2167e9c523e0fc15},
		// SipHash-1-3 with a zero key of no bytes at all, as Rust's hasher gives it.
		{"nothing", func(*Key) {}, 0xd1fba762150c532c},
	}
	var k Key
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k.Reset()
			tt.add(&k)
			if got := k.Hash(); got != tt.want {
				t.Errorf("got %016x, want %016x", got, tt.want)
			}
		})
	}
}

// lanceFilter loads a filter that LanceDB wrote.
func lanceFilter(t testing.TB, path string) *Filter {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(data) != LanceBytes {
		t.Fatalf("%s has %d bytes", path, len(data))
	}
	f, err := FromBytes(data)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFiltersOfLanceDBAreReproducedByteForByte(t *testing.T) {
	tests := map[string]func(*Key, int){
		"int32": func(k *Key, i int) { k.Int32(int32(i - 50)) },
		"int64": func(k *Key, i int) { k.Int64(int64(i - 50)) },
		"binary": func(k *Key, i int) {
			head := []byte{byte(i), byte(i >> 8), 0, 255}[:1+i%4]
			k.Binary(append(head, byte(i), byte(i>>8)))
		},
	}
	for name, add := range tests {
		t.Run(name, func(t *testing.T) {
			want := lanceFilter(t, filepath.Join("testdata", name+".bin"))
			got := New(LanceBytes)
			var k Key
			for i := 3; i < 60; i++ {
				k.Reset()
				add(&k, i)
				if !want.MayContain(k.Hash()) {
					t.Errorf("key %d is not in LanceDB's filter", i)
				}
				got.Add(k.Hash())
			}
			if !bytes.Equal(got.Bytes(), want.Bytes()) {
				t.Error("the filter differs from LanceDB's")
			}
		})
	}
}

func TestFixtureGenerationsHoldTheirKeysAndNoOthers(t *testing.T) {
	generations, err := filepath.Glob("../../testdata/lance-memwal/db/items.lance/_mem_wal/*/*_gen_*")
	if err != nil || len(generations) != 4 {
		t.Fatalf("%d generations, %v", len(generations), err)
	}
	for _, dir := range generations {
		f := lanceFilter(t, filepath.Join(dir, "bloom_filter.bin"))
		var g int
		if _, err := fmt.Sscanf(dir[strings.LastIndex(dir, "_gen_"):], "_gen_%d", &g); err != nil {
			t.Fatal(err)
		}
		// Two upserts of 300 rows, 240 apart, make a generation; the rows are numbered on.
		first := 800 + 480*(g-1)
		own := New(LanceBytes)
		var k Key
		hits := 0
		for i := range 20_000 {
			k.Reset()
			k.String(fmt.Sprintf("id-%06d", i))
			in := i >= first && i < first+540
			if in {
				own.Add(k.Hash())
			}
			switch may := f.MayContain(k.Hash()); {
			case in && !may:
				t.Errorf("generation %d misses row %d", g, i)
			case !in && may:
				hits++
			}
		}
		if hits > 20 {
			t.Errorf("generation %d: %d false positives in 20,000", g, hits)
		}
		if !bytes.Equal(own.Bytes(), f.Bytes()) {
			t.Errorf("generation %d: the filter differs from LanceDB's", g)
		}
	}
}

func TestRowsOfColumns(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "a", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
		{Name: "b", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "c", Type: arrow.PrimitiveTypes.Int64},
		{Name: "d", Type: arrow.BinaryTypes.Binary},
		{Name: "e", Type: arrow.BinaryTypes.LargeString},
		{Name: "f", Type: arrow.BinaryTypes.LargeBinary},
		{Name: "g", Type: arrow.PrimitiveTypes.Float32},
	}, nil)
	rec, _, err := array.RecordFromJSON(mem, schema, strings.NewReader(`[
		{"a":1,"b":"x","c":5,"d":"AQI=","e":"l","f":"AQI=","g":1},
		{"a":null,"b":"y","c":6,"d":"AQM=","e":"m","f":"AQM=","g":2},
		{"a":3,"b":null,"c":7,"d":"AQQ=","e":"n","f":"AQQ=","g":3}]`))
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Release()
	supported := rec.Columns()[:4]
	f := New(LanceBytes)
	if !f.AddRows(supported...) {
		t.Fatal("supported columns were refused")
	}
	var k Key
	for row := range int(rec.NumRows()) {
		if !f.MayContainRow(&k, row, supported...) {
			t.Errorf("row %d is missing", row)
		}
	}
	if f.MayContainRow(&k, 0, supported[:1]...) {
		t.Error("a part of the key counts as the key")
	}
	if !f.MayContainRow(&k, 0) {
		t.Error("no key at all must be answered with perhaps")
	}
	for _, c := range rec.Columns()[4:] {
		if Supported(c.DataType()) || !f.MayContainRow(&k, 0, c) || !f.MayContainRow(&k, 0, rec.Column(0), c) {
			t.Errorf("a key of %s cannot be hashed and must be answered with perhaps", c.DataType())
		}
	}
	before := bytes.Clone(f.Bytes())
	if f.AddRows(rec.Columns()...) || f.AddRows() || !bytes.Equal(before, f.Bytes()) {
		t.Error("unsupported columns changed the filter")
	}
	// Text and binary of the same length and bytes are different keys.
	hash := func(add func(*Key)) uint64 { k.Reset(); add(&k); return k.Hash() }
	if hash(func(k *Key) { k.String("ab") }) == hash(func(k *Key) { k.Binary([]byte("ab")) }) {
		t.Error("text and binary hash alike")
	}
}

func TestNoKeyIsEverLostAndFewAreFoundByChance(t *testing.T) {
	seed := seedtest.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, keys := range []int{1, 100, 8192, 50_000} {
		f := New(SizeFor(keys, 0.001))
		hashes := make([]uint64, keys)
		for i := range hashes {
			hashes[i] = rng.Uint64()
			f.Add(hashes[i])
		}
		for _, h := range hashes {
			if !f.MayContain(h) {
				t.Fatalf("%d keys: %x is lost", keys, h)
			}
		}
		wrong := 0
		for range 20_000 {
			if f.MayContain(rng.Uint64()) {
				wrong++
			}
		}
		if wrong > 60 { // 0.001 would be 20
			t.Errorf("%d keys in %d bytes (load %.2f): %d of 20,000 found by chance", keys, len(f.Bytes()), f.Load(), wrong)
		}
	}
}

func TestSizes(t *testing.T) {
	for n, want := range map[int]int{-1: 32, 0: 32, 1: 32, 33: 64, LanceBytes: LanceBytes} {
		if got := len(New(n).Bytes()); got != want {
			t.Errorf("New(%d) has %d bytes, want %d", n, got, want)
		}
	}
	for _, fpp := range []float64{0, 1, -1, 2} {
		if got := SizeFor(1_000_000, fpp); got != LanceBytes {
			t.Errorf("SizeFor at %v: %d", fpp, got)
		}
	}
	if got := SizeFor(1<<40, 1e-9); got != MaxBytes {
		t.Errorf("SizeFor of too many keys: %d", got)
	}
	for _, data := range [][]byte{nil, {}, make([]byte, 31), make([]byte, 33)} {
		if _, err := FromBytes(data); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%d bytes: %v", len(data), err)
		}
	}
	var zero Filter
	zero.Add(1)
	if !zero.MayContain(1) || zero.Load() != 1 {
		t.Error("a filter without blocks must answer perhaps")
	}
}

func TestAskingDoesNotAllocate(t *testing.T) {
	f := New(LanceBytes)
	var k Key
	if n := testing.AllocsPerRun(100, func() {
		k.Reset()
		k.String("id-000001")
		k.Int64(7)
		f.MayContain(k.Hash())
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzFilter(f *testing.F) {
	f.Add(make([]byte, 64), uint64(1))
	f.Add([]byte("short"), uint64(1<<63))
	f.Fuzz(func(t *testing.T, data []byte, hash uint64) {
		filter, err := FromBytes(bytes.Clone(data))
		if err != nil {
			return
		}
		before := filter.MayContain(hash)
		filter.Add(hash)
		if !filter.MayContain(hash) {
			t.Fatal("lost")
		}
		if before != bytes.Equal(data, filter.Bytes()) {
			t.Fatal("adding what is there changes nothing, and only that")
		}
	})
}

func BenchmarkMayContain(b *testing.B) {
	f := New(LanceBytes)
	var k Key
	for i := range 8192 {
		k.Reset()
		k.Int64(int64(i))
		f.Add(k.Hash())
	}
	b.Run("key=int64", func(b *testing.B) {
		b.ReportAllocs()
		for i := int64(0); b.Loop(); i++ {
			k.Reset()
			k.Int64(i)
			f.MayContain(k.Hash())
		}
	})
	b.Run("key=utf8", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			k.Reset()
			k.String("customer-000123456789")
			f.MayContain(k.Hash())
		}
	})
}
