package fst_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/lance/fts/fst"
)

// load reads a map that LanceDB 0.39.0 wrote, of the words of ../testdata/corpus.json or of characters of all kinds, and its keys in the order of their values.
func load(t testing.TB, name string) (data []byte, keys []string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".fst"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &keys); err != nil {
		t.Fatal(err)
	}
	return data, keys
}

func open(t testing.TB, data []byte) *fst.Map {
	t.Helper()
	m, err := fst.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestEveryKeyIsFoundWithItsValueAndNoOther(t *testing.T) {
	for _, name := range []string{"words", "wide"} {
		t.Run(name, func(t *testing.T) {
			data, keys := load(t, name)
			m := open(t, data)
			if m.Len() != uint64(len(keys)) {
				t.Fatalf("%d keys, want %d", m.Len(), len(keys))
			}
			known := map[string]bool{}
			for i, k := range keys {
				known[k] = true
				if v, found, err := m.Get([]byte(k)); err != nil || !found || v != uint64(i) {
					t.Fatalf("%q is %d (%v, %v), want %d", k, v, found, err, i)
				}
			}
			for _, k := range keys {
				for _, other := range []string{k + "x", k[:len(k)-1], "x" + k, k[1:], k + "\x00"} {
					if _, found, err := m.Get([]byte(other)); err != nil || found != known[other] {
						t.Fatalf("%q: found %v (%v)", other, found, err)
					}
				}
			}
		})
	}
}

func TestWalkGivesTheKeysInOrder(t *testing.T) {
	for _, name := range []string{"words", "wide"} {
		data, keys := load(t, name)
		m := open(t, data)
		want := slices.Sorted(slices.Values(keys))
		var got []string
		if err := m.Walk(func(key []byte, value uint64) bool {
			if keys[value] != string(key) {
				t.Errorf("%q has value %d, which is %q", key, value, keys[value])
			}
			got = append(got, string(key))
			return true
		}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		for _, from := range []string{"", "a", "th", "thf", "\xff", want[len(want)/2], want[len(want)-1]} {
			i, _ := slices.BinarySearch(want, from)
			var got []string
			if _, err := m.WalkFrom([]byte(from), func(key []byte, _ uint64) bool {
				got = append(got, string(key))
				return len(got) < 20
			}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want[i:min(len(want), i+20)], got, cmp.Comparer(func(x, y []string) bool {
				return slices.Equal(x, y)
			})); diff != "" {
				t.Fatalf("from %q (-want +got):\n%s", from, diff)
			}
		}
	}
}

func TestAMapWithoutKeysHasNone(t *testing.T) {
	data := binary.LittleEndian.AppendUint64(nil, 3)
	data = binary.LittleEndian.AppendUint64(data, 0)
	data = append(data, 0, 0, 0)                        // sizes, count and state of a node without transitions
	data = binary.LittleEndian.AppendUint64(data, 0)    // keys
	data = binary.LittleEndian.AppendUint64(data, 16+2) // root
	m := open(t, seal(binary.LittleEndian.AppendUint32(data, 0)))
	if _, found, err := m.Get(nil); found || err != nil {
		t.Errorf("found the empty key (%v)", err)
	}
	if err := m.Walk(func([]byte, uint64) bool { t.Error("a key"); return true }); err != nil {
		t.Error(err)
	}
}

func TestDamageIsNoticedByTheChecksum(t *testing.T) {
	data, _ := load(t, "words")
	for _, bad := range [][]byte{nil, data[:10], data[:35], data[1:], data[:len(data)-1], append(bytes.Clone(data), 0)} {
		if _, err := fst.Open(bad); !errors.Is(err, fst.ErrCorrupt) {
			t.Errorf("%d bytes: %v", len(bad), err)
		}
	}
	for at := 0; at < len(data); at += 97 {
		bad := bytes.Clone(data)
		bad[at] ^= 0x10
		if _, err := fst.Open(bad); !errors.Is(err, fst.ErrCorrupt) {
			t.Errorf("a changed byte at %d: %v", at, err)
		}
	}
}

// seal writes a valid checksum over data.
func seal(data []byte) []byte {
	sum := crc32.Checksum(data[:len(data)-4], crc32.MakeTable(crc32.Castagnoli))
	binary.LittleEndian.PutUint32(data[len(data)-4:], bits.RotateLeft32(sum, -15)+0xa282ead8)
	return data
}

func FuzzMap(f *testing.F) {
	for _, name := range []string{"words", "wide"} {
		data, keys := load(f, name)
		f.Add(data[:len(data)-4], keys[0])
		f.Add(data[len(data)-300:len(data)-4], "the")
	}
	f.Fuzz(func(t *testing.T, body []byte, key string) {
		if len(body) >= 8 {
			body = bytes.Clone(body)
			binary.LittleEndian.PutUint64(body, 3)
		}
		m, err := fst.Open(seal(append(bytes.Clone(body), 0, 0, 0, 0)))
		if err != nil {
			if !errors.Is(err, fst.ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		_, found, err := m.Get([]byte(key))
		if err != nil && !errors.Is(err, fst.ErrCorrupt) {
			t.Fatal(err)
		}
		seen, met := 0, false
		if walkErr := m.Walk(func(k []byte, _ uint64) bool {
			seen++
			met = met || string(k) == key
			return seen < 300
		}); walkErr != nil {
			if !errors.Is(walkErr, fst.ErrCorrupt) {
				t.Fatal(walkErr)
			}
			return
		}
		if err == nil && seen < 300 && met && !found {
			t.Fatalf("%q is met on a walk but not found", key)
		}
	})
}

func TestLookupsAllocateNothing(t *testing.T) {
	data, keys := load(t, "words")
	m := open(t, data)
	key := []byte(keys[len(keys)/2])
	if n := testing.AllocsPerRun(100, func() { _, _, _ = m.Get(key) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkGet(b *testing.B) {
	data, keys := load(b, "words")
	m := open(b, data)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, found, err := m.Get([]byte(keys[i%len(keys)])); !found || err != nil {
			b.Fatal(err)
		}
		i++
	}
}
