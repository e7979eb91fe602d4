package gather

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/internal/seedtest"
)

// kinds are types, each with a maker of values in the JSON that Arrow reads.
var kinds = []struct {
	typ  arrow.DataType
	json func(*rand.Rand) string
}{
	{arrow.FixedWidthTypes.Boolean, func(r *rand.Rand) string { return strconv.FormatBool(r.IntN(2) == 0) }},
	{arrow.PrimitiveTypes.Int8, small},
	{arrow.PrimitiveTypes.Uint16, small},
	{arrow.PrimitiveTypes.Int32, small},
	{arrow.PrimitiveTypes.Int64, small},
	{arrow.PrimitiveTypes.Float64, small},
	{&arrow.Decimal128Type{Precision: 20, Scale: 2}, func(r *rand.Rand) string { return strconv.Quote(small(r) + ".25") }},
	{&arrow.FixedSizeBinaryType{ByteWidth: 3}, func(r *rand.Rand) string { return []string{`"AQID"`, `"BAUG"`}[r.IntN(2)] }},
	{arrow.FixedWidthTypes.Date32, func(r *rand.Rand) string { return fmt.Sprintf(`"2026-01-%02d"`, 1+r.IntN(28)) }},
	{arrow.BinaryTypes.String, text},
	{arrow.BinaryTypes.LargeString, text},
	{arrow.BinaryTypes.Binary, func(r *rand.Rand) string { return []string{`""`, `"AQ=="`, `"AQIDBAUG"`}[r.IntN(3)] }},
	{arrow.Null, func(*rand.Rand) string { return "null" }},
	{arrow.ListOf(arrow.PrimitiveTypes.Int32), func(r *rand.Rand) string { return several(r, r.IntN(4), small) }},
	{arrow.FixedSizeListOf(4, arrow.PrimitiveTypes.Float32), func(r *rand.Rand) string { return several(r, 4, small) }},
	{arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int16), func(r *rand.Rand) string { return several(r, 2, orNull(small)) }},
	{arrow.FixedSizeListOf(3, arrow.FixedWidthTypes.Boolean), func(r *rand.Rand) string {
		return several(r, 3, func(r *rand.Rand) string { return strconv.FormatBool(r.IntN(2) == 0) })
	}},
	{arrow.FixedSizeListOf(2, arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int8)), func(r *rand.Rand) string {
		return several(r, 2, func(r *rand.Rand) string { return several(r, 2, small) })
	}},
	{arrow.StructOf(arrow.Field{Name: "a", Type: arrow.BinaryTypes.String, Nullable: true}), func(r *rand.Rand) string {
		return `{"a":` + orNull(text)(r) + `}`
	}},
	{&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}, text},
}

func small(r *rand.Rand) string { return strconv.Itoa(r.IntN(100)) }
func text(r *rand.Rand) string  { return strconv.Quote(strings.Repeat("é", r.IntN(5)) + small(r)) }

func orNull(f func(*rand.Rand) string) func(*rand.Rand) string {
	return func(r *rand.Rand) string {
		if r.IntN(4) == 0 {
			return "null"
		}
		return f(r)
	}
}

func several(r *rand.Rand, n int, f func(*rand.Rand) string) string {
	out := make([]string, n)
	for i := range out {
		out[i] = f(r)
	}
	return "[" + strings.Join(out, ",") + "]"
}

// pick makes rows up: runs of neighbours, single ones, some of them twice, or none.
func pick(r *rand.Rand, of int) []int {
	var rows []int
	for range r.IntN(6) {
		first := r.IntN(of)
		for row := first; row < min(of, first+1+r.IntN(4)); row++ {
			rows = append(rows, row)
		}
	}
	return rows
}

func TestRowsOfEveryTypeAreThoseThatWereAskedFor(t *testing.T) {
	r := seedtest.Rand(t)
	for _, k := range kinds {
		for _, nulls := range []bool{false, true} {
			t.Run(fmt.Sprint(k.typ, " nulls ", nulls), func(t *testing.T) {
				value := k.json
				if nulls {
					value = orNull(value)
				}
				const n = 30
				all, _, err := array.FromJSON(memory.DefaultAllocator, k.typ, strings.NewReader(several(r, n, value)))
				if err != nil {
					t.Fatal(err)
				}
				defer all.Release()
				for range 20 {
					from := r.IntN(n)
					part := array.NewSlice(all, int64(from), int64(from+1+r.IntN(n-from)))
					check(t, part, pick(r, part.Len()))
					part.Release()
				}
			})
		}
	}
}

func check(t *testing.T, arr arrow.Array, rows []int) {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	b := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: "x", Type: arr.DataType(), Nullable: true}}, nil), []arrow.Array{arr}, int64(arr.Len()))
	defer b.Release()
	out, err := Batch(mem, b, rows)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Release()
	if got := out.Column(0); int(out.NumRows()) != len(rows) || got.Len() != len(rows) || !arrow.TypeEqual(got.DataType(), arr.DataType()) {
		t.Fatalf("%d rows of %s, want %d of %s", got.Len(), got.DataType(), len(rows), arr.DataType())
	}
	nulls := 0
	for i, row := range rows {
		got := out.Column(0)
		if arr.IsNull(row) {
			nulls++
		}
		if got.IsNull(i) != arr.IsNull(row) || got.ValueStr(i) != arr.ValueStr(row) {
			t.Errorf("rows %v: number %d is %s, want %s", rows, i, got.ValueStr(i), arr.ValueStr(row))
		}
	}
	if got := out.Column(0).NullN(); got != nulls && arr.DataType().ID() != arrow.NULL { // whose values IsNull does not call null
		t.Errorf("rows %v: %d nulls, want %d", rows, got, nulls)
	}
}
