package btree

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testRows is how many rows the tables of testdata have.
const testRows = 9000

// columns are the values of row i, as testdata/generate.mjs makes them.
var columns = map[string]func(i int) Value{
	"i64": func(i int) Value { return Int(int64(i*7919%testRows)*1000000007 - 3000000000000) },
	"i32": func(i int) Value {
		if i%2 == 1 {
			return Null()
		}
		return Int(int64(i*31%700) - 350)
	},
	"u8": func(i int) Value { return Uint(uint64(i % 251)) },
	"f64": func(i int) Value {
		switch {
		case i%3 == 0:
			return Null()
		case i%50 < 5:
			return Float([]float64{math.NaN(), math.Copysign(0, -1), 0, math.Inf(-1), math.Inf(1)}[i%5])
		default:
			return Float(float64(i*7919%1000)/8 - 50)
		}
	},
	"f32": func(i int) Value { return Float(float64(i%64)/4 - 8) },
	"bool": func(i int) Value {
		if i%7 == 0 {
			return Null()
		}
		return Bool(i%2 == 0)
	},
	"utf8": func(i int) Value {
		switch {
		case i%5 == 0:
			return Null()
		case i%97 == 1:
			return Text("")
		default:
			return Text(fmt.Sprintf("k%dé", i*31%1500))
		}
	},
	"date32": func(i int) Value { return Int(int64(i*31%900) - 100) },
	"none":   func(int) Value { return Null() },
}

// indexes are the indexes of testdata: folder and column.
func indexes() map[string]string {
	m := map[string]string{"2.0/f64": "f64", "2.0/utf8": "utf8"}
	for name := range columns {
		m["2.2/"+name] = name
	}
	return m
}

func dirStore(t testing.TB, dir string) storage.Store {
	t.Helper()
	d, err := storage.NewDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// openIndex opens an index under an allocator that fails the test on a leak.
func openIndex(t testing.TB, s storage.Store, folder string, cacheBytes int64) *Index {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	x, err := Open(t.Context(), s, folder, Options{File: file.Options{Allocator: mem}, CacheBytes: cacheBytes})
	if err != nil {
		t.Fatalf("%s: %v", folder, err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
		mem.AssertSize(t, 0)
	})
	return x
}

// answers are what LanceDB finds for each query: how many rows, and the sum of their
// numbers.
func answers(t testing.TB) map[string]struct{ Count, Sum int } {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "answers.json"))
	if err != nil {
		t.Fatal(err)
	}
	var a map[string]struct{ Count, Sum int }
	if err := json.Unmarshal(data, &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// brute returns the rows whose value passes, ascending.
func brute(value func(int) Value, pass func(Value) bool) []uint64 {
	var rows []uint64
	for i := range testRows {
		if pass(value(i)) {
			rows = append(rows, uint64(i))
		}
	}
	return rows
}

func sorted(ids []uint64) []uint64 {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return ids
}
