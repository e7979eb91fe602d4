package lsm_test

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"go.uber.org/goleak"

	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is the folder with two tables that LanceDB wrote, and its answers.
var fixture = filepath.Join("..", "testdata", "lance-memwal")

// checked is an allocator that must be empty when the test ends.
func checked(t testing.TB) memory.Allocator {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	t.Cleanup(func() { mem.AssertSize(t, 0) })
	return mem
}

// openTable opens a table below a directory.
func openTable(t testing.TB, dir, name string, o lsm.Options) (*lsm.Table, *lsm.Snapshot) {
	t.Helper()
	if o.Allocator == nil {
		o.Allocator = checked(t)
	}
	store, err := storage.NewDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return openIn(t, store, name, o)
}

func openIn(t testing.TB, store lsm.Store, name string, o lsm.Options) (*lsm.Table, *lsm.Snapshot) {
	t.Helper()
	if o.Allocator == nil {
		o.Allocator = checked(t)
	}
	tbl, err := lsm.Open(t.Context(), store, name, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tbl.Close(); err != nil {
			t.Error(err)
		}
	})
	s, err := tbl.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return tbl, s
}

// row is a row as plain values.
type row map[string]any

// rowsOf turns a batch into rows.
func rowsOf(t testing.TB, b arrow.RecordBatch) []row {
	t.Helper()
	out := make([]row, b.NumRows())
	for i := range out {
		out[i] = row{}
		for c, f := range b.Schema().Fields() {
			out[i][f.Name] = valueOf(t, b.Column(c), i)
		}
	}
	return out
}

func valueOf(t testing.TB, arr arrow.Array, i int) any {
	t.Helper()
	if arr.IsNull(i) {
		return nil
	}
	switch a := arr.(type) {
	case *array.String:
		return strings.Clone(a.Value(i))
	case *array.Int32:
		return int64(a.Value(i))
	case *array.Int64:
		return a.Value(i)
	case *array.Float32:
		return float64(a.Value(i))
	case *array.Float64:
		return a.Value(i)
	case *array.Boolean:
		return a.Value(i)
	case *array.FixedSizeList:
		lo, hi := a.ValueOffsets(i)
		var v []float64
		for _, x := range a.ListValues().(*array.Float32).Float32Values()[lo:hi] {
			v = append(v, float64(x))
		}
		return v
	}
	t.Fatalf("a column of type %s", arr.DataType())
	return nil
}

// scan reads a scan to its end.
func scan(t testing.TB, s *lsm.Snapshot, o lsm.ScanOptions) []row {
	t.Helper()
	var out []row
	for b, err := range s.Scan(t.Context(), o) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, rowsOf(t, b)...)
		b.Release()
	}
	return out
}

func byID(rows []row) []row {
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(fmt.Sprint(a["id"]), fmt.Sprint(b["id"])) })
	return rows
}

type digest struct {
	Rows   int
	SHA256 string
}

// digestOf is the order-independent hash that the fixture's script makes of rows.
func digestOf(t testing.TB, rows []row) digest {
	t.Helper()
	h := sha256.New()
	for _, r := range byID(slices.Clone(rows)) {
		var parts []string
		for _, name := range []string{"id", "region", "text", "n", "vector"} {
			if v, ok := r[name]; ok {
				j, err := json.Marshal(v)
				if err != nil {
					t.Fatal(err)
				}
				parts = append(parts, fmt.Sprintf("%q:%s", name, j))
			}
		}
		h.Write([]byte("{" + strings.Join(parts, ",") + "}\n"))
	}
	return digest{len(rows), hex.EncodeToString(h.Sum(nil))}
}

// answers are the fixture's answers for one table.
type answers struct {
	Version   uint64
	Counts    struct{ CountRows, Distinct_IDs int }
	Revisions map[string]int
	Full_Scan digest
	Base_Scan digest `json:"full_scan_useLsm_false"`
	Points    map[string]struct {
		Default []row
		Base    []string `json:"useLsm_false"`
	}
	FTS []struct {
		Query string
		Limit int
		Hits  []hit
	}
	FTS_Filtered []struct {
		Where, Query string
		Limit        int
		Hits         []hit
	}
	Phrase struct {
		Query string
		Limit int
		Hits  []hit
	}
	Vector []struct {
		Seed  int
		Query []float32
		Limit int
		Hits  []hit
	}
	Vector_Filtered []struct {
		Where string
		Seed  int
		Limit int
		Hits  []hit
	}
	Filtered []struct {
		Where  string
		Rows   int
		SHA256 string
		IDs    []string
	}
}

type hit struct {
	ID       string
	Score    float64
	Distance float64
	Text     string
}

func readAnswers(t testing.TB, table string) answers {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(fixture, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]json.RawMessage
	var a answers
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(all[table], &a); err != nil {
		t.Fatal(err)
	}
	return a
}
