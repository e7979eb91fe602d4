package btree

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/lance/bloom"
	"github.com/hearthcache/hearth/lance/memwal/lancedbtest"
)

// compositeSchedule is which rows testdata/composite.mjs writes where.
type compositeSchedule struct{ base, step, generations int }

// distinct is how many different keys there are.
func (s compositeSchedule) distinct() int { return s.base + s.step/2 }

// key is the number of row n's key.
func (s compositeSchedule) key(n int) int { return n % s.distinct() * 7919 % s.distinct() }

// generation returns the rows of generation g, counted from 0, in order of their ids.
func (s compositeSchedule) generation(g int) []int {
	var rows []int
	from := s.base + g*(2*s.distinct()+s.step/2)
	for n := range s.step {
		rows = append(rows, from+n)
	}
	for n := range s.step / 2 {
		rows = append(rows, from+s.distinct()+n)
	}
	return rows
}

// odd are texts that a careless encoding would confuse with each other.
var odd = []string{"", "\x00", "\x00\x00", "a", "a\x00", "a\x00b", "b", "\x01", "é", "\x00a"}

var oddBytes = [][]byte{{}, {0}, {0, 0}, {255}, {0, 255}, {255, 0}, {1}, {0, 1}, {254}, {0, 0, 255}}

// compositeCases are the columns of the tables of testdata/composite.mjs, each with its
// value in the m-th key.
func compositeCases(s compositeSchedule) map[string][]compositeColumn {
	text := func(f func(m int) string) compositeColumn {
		return compositeColumn{arrow.BinaryTypes.String, func(m int) Value { return Text(f(m)) }}
	}
	return map[string][]compositeColumn{
		"int64-utf8": {
			{arrow.PrimitiveTypes.Int64, func(m int) Value { return Int(int64(m%11-5) * 1234567890123) }},
			text(func(m int) string { return fmt.Sprintf("k%d", m/11) }),
		},
		"utf8-utf8": {
			text(func(m int) string {
				if m < 100 {
					return odd[m%10]
				}
				return odd[m%10] + strings.Repeat("\x00", m%3) + fmt.Sprint(m/100)
			}),
			text(func(m int) string { return odd[m/10%10] }),
		},
		"int32-int64": {
			{arrow.PrimitiveTypes.Int32, func(m int) Value { return Int(int64(m%7-3) * 700000000) }},
			{arrow.PrimitiveTypes.Int64, func(m int) Value {
				factor := int64(1)
				if m%2 == 0 {
					factor = 300000000000000000 / int64(s.base)
				}
				return Int((int64(m/7) - 20) * factor)
			}},
		},
		"binary-bool-uint64": {
			{arrow.BinaryTypes.Binary, func(m int) Value {
				b := slices.Clone(oddBytes[m%10])
				if m >= 40 {
					b = append(b, 7, byte(m/40>>8), byte(m/40))
				}
				return Bytes(b)
			}},
			{arrow.FixedWidthTypes.Boolean, func(m int) Value { return Bool(m/10%2 == 1) }},
			{arrow.PrimitiveTypes.Uint64, func(m int) Value {
				if m/20%2 == 1 {
					return Uint(1<<64 - 1)
				}
				return Uint(uint64(m % 10))
			}},
		},
		"int8-uint16-utf8": {
			{arrow.PrimitiveTypes.Int8, func(m int) Value { return Int(int64(m%5*60 - 120)) }},
			{arrow.PrimitiveTypes.Uint16, func(m int) Value { return Uint(uint64(m / 5 % 65536)) }},
			text(func(m int) string { return odd[m%10] }),
		},
	}
}

type compositeColumn struct {
	typ   arrow.DataType
	value func(m int) Value
}

// columnsOf makes the key columns of some rows.
func (s compositeSchedule) columnsOf(t testing.TB, mem memory.Allocator, columns []compositeColumn, rows []int) []arrow.Array {
	t.Helper()
	arrays := make([]arrow.Array, len(columns))
	for c, column := range columns {
		b := array.NewBuilder(mem, column.typ)
		for _, n := range rows {
			v := column.value(s.key(n))
			switch b := b.(type) {
			case *array.Int8Builder:
				b.Append(int8(v.bits))
			case *array.Int32Builder:
				b.Append(int32(v.bits))
			case *array.Int64Builder:
				b.Append(int64(v.bits))
			case *array.Uint16Builder:
				b.Append(uint16(v.bits))
			case *array.Uint64Builder:
				b.Append(v.bits)
			case *array.BooleanBuilder:
				b.Append(v.bits == 1)
			case *array.StringBuilder:
				b.Append(string(v.text))
			case *array.BinaryBuilder:
				b.Append(v.text)
			default:
				t.Fatalf("no builder for %s", column.typ)
			}
		}
		arrays[c] = b.NewArray()
		b.Release()
		t.Cleanup(arrays[c].Release)
	}
	return arrays
}

// TestIndexesOfCompositeKeysHoldWhatWeEncode compares the encoding of composite keys,
// lookups and block-lists with generations that LanceDB flushed, and with the rows that
// it shows.
func TestIndexesOfCompositeKeysHoldWhatWeEncode(t *testing.T) {
	testCompositeKeys(t, "testdata/composite", compositeSchedule{base: 100, step: 40, generations: 2})
}

// TestIndexesOfCompositeKeysThatLanceDBBuilds does the same with indexes of several pages.
func TestIndexesOfCompositeKeysThatLanceDBBuilds(t *testing.T) {
	script, err := os.ReadFile("testdata/composite.mjs")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := compositeSchedule{base: 20_000, step: 9000, generations: 2}
	lancedbtest.Node(t, string(script), dir, fmt.Sprint(s.base), fmt.Sprint(s.step), fmt.Sprint(s.generations))
	testCompositeKeys(t, dir, s)
}

func testCompositeKeys(t *testing.T, dir string, s compositeSchedule) {
	data, err := os.ReadFile(filepath.Join(dir, "answers.json"))
	if err != nil {
		t.Fatal(err)
	}
	var shown map[string][]int
	if err := json.Unmarshal(data, &shown); err != nil {
		t.Fatal(err)
	}
	cases := compositeCases(s)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(cases)), slices.Sorted(maps.Keys(shown))); diff != "" {
		t.Fatalf("tables (-want +got):\n%s", diff)
	}
	store := dirStore(t, dir)
	for name, columns := range cases {
		t.Run(name, func(t *testing.T) {
			mem := checked(t)
			sources := [][]int{make([]int, s.base)} // the base first
			for n := range sources[0] {
				sources[0][n] = n
			}
			var sets []*Set
			for g := range s.generations {
				rows := s.generation(g)
				sources = append(sources, rows)
				arrays := s.columnsOf(t, mem, columns, rows)
				folder := fmt.Sprintf("%s/%d", name, g+1)
				x := openIndex(t, store, folder, 0)
				testCompositeIndex(t, x, s, columns, rows, arrays)
				testCompositeBloom(t, filepath.Join(dir, folder, "bloom_filter.bin"), arrays)
				set, err := x.Set(t.Context(), len(columns))
				if err != nil {
					t.Fatal(err)
				}
				sets = append(sets, set)
			}
			var got []int
			for i, rows := range sources {
				arrays := s.columnsOf(t, mem, columns, rows)
				last := map[string]int{} // a generation's later rows supersede its earlier ones
				var key []byte
				for row, n := range rows {
					if key, err = AppendCompositeKey(key[:0], row, arrays...); err != nil {
						t.Fatal(err)
					}
					last[string(key)] = n
				}
				masked := func(row int) bool {
					for _, set := range sets[i:] {
						m, err := set.Match(arrays...)
						if err != nil {
							t.Fatal(err)
						}
						if m.Contains(row) {
							return true
						}
					}
					return false
				}
				for row, n := range rows {
					if key, err = AppendCompositeKey(key[:0], row, arrays...); err != nil {
						t.Fatal(err)
					}
					if last[string(key)] == n && !masked(row) {
						got = append(got, n)
					}
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(shown[name], got); diff != "" {
				t.Errorf("rows that LanceDB shows (-LanceDB +ours):\n%s", diff)
			}
		})
	}
}

// testCompositeIndex compares an index with the rows of its generation.
func testCompositeIndex(t *testing.T, x *Index, s compositeSchedule, columns []compositeColumn, rows []int, arrays []arrow.Array) {
	t.Helper()
	if x.Len() != int64(len(rows)) || x.Type().ID() != arrow.BINARY {
		t.Fatalf("%d entries of %s for %d rows", x.Len(), x.Type(), len(rows))
	}
	// Ids are row offsets, so the encoding of row id must be the value beside it.
	for run, err := range x.Scan(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		stored := run.Values.(*array.Binary)
		for i, id := range run.IDs {
			ours, err := AppendCompositeKey(nil, int(id), arrays...)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(ours, stored.Value(i)) {
				t.Fatalf("row %d: LanceDB stores %x, ours is %x", id, stored.Value(i), ours)
			}
		}
	}
	want := make([][]uint64, s.distinct())
	keys := make([]Value, s.distinct())
	for id, n := range rows {
		want[s.key(n)] = append(want[s.key(n)], uint64(id))
	}
	got := make([][]uint64, s.distinct())
	for m := range keys {
		parts := make([]Value, len(columns))
		for c, column := range columns {
			parts[c] = column.value(m)
		}
		var err error
		if keys[m], err = CompositeKey(parts...); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.LookupMany(t.Context(), keys, func(i int, id uint64) { got[i] = append(got[i], id) }); err != nil {
		t.Fatal(err)
	}
	for m := range got {
		if !slices.Equal(sorted(got[m]), want[m]) {
			t.Fatalf("key %d: rows %v, want %v", m, got[m], want[m])
		}
	}
}

// testCompositeBloom compares a filter of the same generation, where there is one.
func testCompositeBloom(t *testing.T, path string, arrays []arrow.Array) {
	t.Helper()
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	f, err := bloom.FromBytes(data)
	if err != nil {
		t.Fatal(err)
	}
	var k bloom.Key
	for row := range arrays[0].Len() {
		if !f.MayContainRow(&k, row, arrays...) {
			t.Fatalf("row %d is not in LanceDB's filter", row)
		}
	}
	ours := bloom.New(len(data))
	if ours.AddRowsAsLance(arrays...); !bytes.Equal(ours.Bytes(), data) {
		t.Error("the filter differs from LanceDB's")
	}
}
