package vector

import (
	"errors"
	"math"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/file"
)

func TestVectorsOfArrays(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	nan := float32(math.NaN())
	for _, elem := range []arrow.DataType{arrow.FixedWidthTypes.Float16, arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64} {
		arr, _, err := array.FromJSON(mem, arrow.FixedSizeListOf(2, elem), strings.NewReader(`[[1,2],null,[3,null],[0.5,-4]]`))
		if err != nil {
			t.Fatal(err)
		}
		got, err := AppendVectors([]float32{9}, arr)
		if want := []float32{9, 1, 2, nan, nan, 3, 0, 0.5, -4}; err != nil || !same(got, want) {
			t.Errorf("%s: %v, %v; want %v", elem, got, err, want)
		}
		part := array.NewSlice(arr, 2, 4)
		got, err = AppendVectors(nil, part)
		if want := []float32{3, 0, 0.5, -4}; err != nil || !same(got, want) {
			t.Errorf("part of %s: %v, %v; want %v", elem, got, err, want)
		}
		run := Run{[]uint64{0, 1, 2, 3}, []float32{1, 2, nan, nan, 3, nan, 0.5, -4}}
		run.dropNulls(arr, 2)
		if !slices.Equal(run.Rows, []uint64{0, 2, 3}) || !same(run.Vectors, []float32{1, 2, 3, nan, 0.5, -4}) {
			t.Errorf("without nulls: %+v", run)
		}
		part.Release()
		arr.Release()
	}
	for _, typ := range []arrow.DataType{arrow.PrimitiveTypes.Float32, arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int8), arrow.ListOf(arrow.PrimitiveTypes.Float32)} {
		arr, _, err := array.FromJSON(mem, typ, strings.NewReader(`[null]`))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := AppendVectors(nil, arr); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %v", typ, err)
		}
		arr.Release()
	}
}

func same(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return x == y || x != x && y != y })
}

func TestMemoryGivesTheVectorsOfItsRows(t *testing.T) {
	m, err := NewMemory(2, []uint64{0, 1, 4, 9}, []float32{0, 1, 10, 11, 40, 41, 90, 91})
	if err != nil {
		t.Fatal(err)
	}
	nan := float32(math.NaN())
	got := make([]float32, 8)
	if err := m.Take(t.Context(), []uint64{1, 2, 4, 9}, got); err != nil || !same(got, []float32{10, 11, nan, nan, 40, 41, 90, 91}) {
		t.Errorf("%v, %v", got, err)
	}
	if err := m.Take(t.Context(), []uint64{1}, got); !errors.Is(err, ErrQuery) {
		t.Errorf("room for too many: %v", err)
	}
	res, err := Scan(t.Context(), m, L2, []float32{38, 40}, SearchOptions{K: 2})
	if err != nil || len(res.Hits) != 2 || res.Hits[0] != (Hit{4, 5}) || m.Len() != 4 || m.SizeBytes() < 64 {
		t.Errorf("%+v, %v", res, err)
	}
	for name, rows := range map[string][]uint64{"too few rows": {0, 1, 2}, "rows that fall": {0, 1, 5, 4}, "a row twice": {0, 1, 1, 2}} {
		if _, err := NewMemory(2, rows, make([]float32, 8)); !errors.Is(err, ErrQuery) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAColumnInMemoryEqualsTheColumnInItsFile(t *testing.T) {
	s := fixtureStore(t)
	const generation = "_mem_wal/aa48498d-ac91-59e2-8452-69f46010ace2/0fa9faac_gen_1"
	files, err := s.List(t.Context(), path.Join(generation, "data"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	r, err := file.OpenPath(t.Context(), s, files[0].Path, checkedFile(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	column, err := NewColumn(r, "vector")
	if err != nil {
		t.Fatal(err)
	}
	m, err := ReadColumn(t.Context(), r, "vector")
	if err != nil {
		t.Fatal(err)
	}
	x := openIndex(t, s, vectorIndex(t, s, generation))
	for q := range 10 {
		query := uniform(5_000_000+q, 64)
		a, err := x.Search(t.Context(), query, column, SearchOptions{K: 10})
		if err != nil {
			t.Fatal(err)
		}
		b, err := x.Search(t.Context(), query, m, SearchOptions{K: 10})
		if err != nil || !slices.Equal(a.Hits, b.Hits) {
			t.Errorf("query %d: %v and %v, %v", q, a.Hits, b.Hits, err)
		}
	}
	if err := column.Take(t.Context(), []uint64{1 << 63}, make([]float32, 64)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a row of no file: %v", err)
	}
	if err := column.Take(t.Context(), []uint64{600}, make([]float32, 64)); err == nil {
		t.Error("a row behind the last was taken")
	}
}
