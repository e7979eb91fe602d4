package fst_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hearthcache/hearth/internal/seedtest"
	"github.com/hearthcache/hearth/lance/fts/fst"
)

// built makes a map of keys to values.
func built(t testing.TB, keys []string, value func(i int) uint64) []byte {
	t.Helper()
	b := fst.NewBuilder()
	for i, k := range keys {
		if err := b.Add([]byte(k), value(i)); err != nil {
			t.Fatal(err)
		}
	}
	return b.Finish()
}

func TestMapsOfLanceDBAreReproducedByteForByte(t *testing.T) {
	for _, name := range []string{"words", "wide"} {
		t.Run(name, func(t *testing.T) {
			want, keys := load(t, name)
			order := make([]int, len(keys))
			for i := range order {
				order[i] = i
			}
			slices.SortFunc(order, func(a, b int) int { return bytes.Compare([]byte(keys[a]), []byte(keys[b])) })
			b := fst.NewBuilder()
			for _, i := range order {
				if err := b.Add([]byte(keys[i]), uint64(i)); err != nil {
					t.Fatal(err)
				}
			}
			if got := b.Finish(); !bytes.Equal(got, want) {
				t.Errorf("%d bytes, LanceDB wrote %d, and they differ", len(got), len(want))
			}
		})
	}
}

func TestAMapHasTheKeysItWasBuiltOf(t *testing.T) {
	seed := seedtest.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	for _, n := range []int{0, 1, 2, 3, 100, 5000} {
		for _, letters := range []int{1, 3, 26, 256} {
			keys := randomKeys(r, n, letters)
			values := make([]uint64, len(keys))
			for i := range values {
				values[i] = r.Uint64() >> r.IntN(64)
			}
			m := open(t, built(t, keys, func(i int) uint64 { return values[i] }))
			if m.Len() != uint64(len(keys)) {
				t.Fatalf("%d keys of %d", m.Len(), len(keys))
			}
			at := 0
			if err := m.Walk(func(key []byte, value uint64) bool {
				if string(key) != keys[at] || value != values[at] {
					t.Fatalf("key %d is %q: %d, want %q: %d", at, key, value, keys[at], values[at])
				}
				at++
				return true
			}); err != nil || at != len(keys) {
				t.Fatalf("%d keys of %d, %v", at, len(keys), err)
			}
			for i, k := range keys {
				if v, found, err := m.Get([]byte(k)); v != values[i] || !found || err != nil {
					t.Fatalf("%q: %d, %v, %v, want %d", k, v, found, err, values[i])
				}
			}
		}
	}
}

// randomKeys returns up to n distinct keys in order, of so many letters, the empty one now and then.
func randomKeys(r *rand.Rand, n, letters int) []string {
	keys := make([]string, n)
	for i := range keys {
		k := make([]byte, r.IntN(12))
		for j := range k {
			k[j] = byte(r.IntN(letters) + 256 - letters)
		}
		keys[i] = string(k)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

func TestKeysOutOfOrderAreRefused(t *testing.T) {
	for _, keys := range [][2]string{{"b", "a"}, {"a", "a"}, {"", ""}, {"a", ""}, {"ab", "a"}} {
		b := fst.NewBuilder()
		if err := b.Add([]byte(keys[0]), 1); err != nil {
			t.Fatal(err)
		}
		if err := b.Add([]byte(keys[1]), 2); !errors.Is(err, fst.ErrOrder) {
			t.Errorf("%q after %q: %v", keys[1], keys[0], err)
		}
	}
}

func FuzzBuild(f *testing.F) {
	f.Add([]byte("a\x00b\x00ab\x00"), uint64(1))
	f.Add([]byte{}, uint64(0))
	f.Add(bytes.Repeat([]byte("abcabc\x00cab"), 30), uint64(1<<60))
	f.Fuzz(func(t *testing.T, data []byte, step uint64) {
		var keys []string
		for k := range bytes.SplitSeq(data, []byte{0}) {
			keys = append(keys, string(k))
		}
		slices.Sort(keys)
		keys = slices.Compact(keys)
		value := func(i int) uint64 { return uint64(i) * step }
		m := open(t, built(t, keys, value))
		at := 0
		if err := m.Walk(func(key []byte, v uint64) bool {
			if string(key) != keys[at] || v != value(at) {
				t.Fatalf("key %d: %q, %d", at, key, v)
			}
			at++
			return true
		}); err != nil || at != len(keys) {
			t.Fatalf("%d of %d keys, %v", at, len(keys), err)
		}
	})
}

func BenchmarkBuild(b *testing.B) {
	keys := make([]string, 100_000)
	for i := range keys {
		keys[i] = fmt.Sprintf("term%x", binary.BigEndian.AppendUint32(nil, uint32(i)*2654435761))
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	b.ReportAllocs()
	for b.Loop() {
		built(b, keys, func(i int) uint64 { return uint64(i) })
	}
	b.ReportMetric(float64(len(keys))*float64(b.N)/b.Elapsed().Seconds(), "keys/s")
}
