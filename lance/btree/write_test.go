package btree

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/seedtest"
	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/storage"
)

// written is an index of arrays whose rows' ids count up from 0, in memory.
func written(t testing.TB, opts BuildOptions, arrays ...arrow.Array) (storage.Store, pb.IndexMetadata) {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	opts.Allocator = mem
	b, err := NewBuilder(arrays[0].DataType(), opts)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Release()
	for _, a := range arrays {
		if err := b.AddRows(a, uint64(b.Len())); err != nil {
			t.Fatal(err)
		}
	}
	store := storage.NewMemStore()
	meta, err := b.Write(t.Context(), store, "x")
	if err != nil {
		t.Fatal(err)
	}
	return store, meta
}

// slices of an array, some of them empty, that make it up.
func cut(r *rand.Rand, a arrow.Array) (parts []arrow.Array) {
	for at := 0; at < a.Len() || len(parts) == 0; {
		n := min(r.IntN(2+a.Len()/2), a.Len()-at)
		parts = append(parts, array.NewSlice(a, int64(at), int64(at+n)))
		at += n
		if a.Len() == 0 {
			break
		}
	}
	return parts
}

// randomValues are the types an index can have, each with a few different values, nulls among them.
var randomValues = map[string]struct {
	typ  arrow.DataType
	some func(r *rand.Rand) any
}{
	"int8":      {arrow.PrimitiveTypes.Int8, func(r *rand.Rand) any { return int8(r.Int()) }},
	"int16":     {arrow.PrimitiveTypes.Int16, func(r *rand.Rand) any { return int16(r.Int()) }},
	"int32":     {arrow.PrimitiveTypes.Int32, func(r *rand.Rand) any { return int32(r.Int()) }},
	"int64":     {arrow.PrimitiveTypes.Int64, func(r *rand.Rand) any { return r.Int64() - r.Int64() }},
	"uint8":     {arrow.PrimitiveTypes.Uint8, func(r *rand.Rand) any { return uint8(r.Int()) }},
	"uint16":    {arrow.PrimitiveTypes.Uint16, func(r *rand.Rand) any { return uint16(r.Int()) }},
	"uint32":    {arrow.PrimitiveTypes.Uint32, func(r *rand.Rand) any { return r.Uint32() }},
	"uint64":    {arrow.PrimitiveTypes.Uint64, func(r *rand.Rand) any { return r.Uint64() }},
	"bool":      {arrow.FixedWidthTypes.Boolean, func(r *rand.Rand) any { return r.IntN(2) == 1 }},
	"float32":   {arrow.PrimitiveTypes.Float32, func(r *rand.Rand) any { return float32(randomFloat(r)) }},
	"float64":   {arrow.PrimitiveTypes.Float64, func(r *rand.Rand) any { return randomFloat(r) }},
	"date32":    {arrow.FixedWidthTypes.Date32, func(r *rand.Rand) any { return arrow.Date32(r.IntN(900) - 300) }},
	"date64":    {arrow.FixedWidthTypes.Date64, func(r *rand.Rand) any { return arrow.Date64(r.IntN(900)-300) * 86400000 }},
	"time32":    {arrow.FixedWidthTypes.Time32ms, func(r *rand.Rand) any { return arrow.Time32(r.IntN(86400000)) }},
	"time64":    {arrow.FixedWidthTypes.Time64us, func(r *rand.Rand) any { return arrow.Time64(r.IntN(86400000)) }},
	"timestamp": {arrow.FixedWidthTypes.Timestamp_us, func(r *rand.Rand) any { return arrow.Timestamp(r.Int64() - r.Int64()) }},
	"duration":  {arrow.FixedWidthTypes.Duration_ms, func(r *rand.Rand) any { return arrow.Duration(r.IntN(1000) - 500) }},
	"decimal": {&arrow.Decimal128Type{Precision: 38, Scale: 2}, func(r *rand.Rand) any {
		return decimal128.New(int64(r.IntN(5)-2), r.Uint64())
	}},
	"utf8":         {arrow.BinaryTypes.String, func(r *rand.Rand) any { return randomText(r) }},
	"large utf8":   {arrow.BinaryTypes.LargeString, func(r *rand.Rand) any { return randomText(r) }},
	"binary":       {arrow.BinaryTypes.Binary, func(r *rand.Rand) any { return []byte(randomText(r)) }},
	"large binary": {arrow.BinaryTypes.LargeBinary, func(r *rand.Rand) any { return []byte(randomText(r)) }},
	"fixed binary": {&arrow.FixedSizeBinaryType{ByteWidth: 3}, func(r *rand.Rand) any { return []byte{byte(r.Int()), 0, byte(r.Int())} }},
}

func randomFloat(r *rand.Rand) float64 {
	odd := []float64{math.NaN(), math.Copysign(math.NaN(), -1), math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1)}
	if i := r.IntN(30); i < len(odd) {
		return odd[i]
	}
	return (r.Float64() - 0.5) * 1e6
}

func randomText(r *rand.Rand) string {
	b := make([]byte, r.IntN(14))
	for i := range b {
		b[i] = "ab\x00\xff"[r.IntN(4)] & 0x7f
	}
	return strings.Repeat("common ", r.IntN(2)) + string(b)
}

// randomArray makes n values, duplicates and nulls among them.
func randomArray(t testing.TB, r *rand.Rand, typ arrow.DataType, some func(*rand.Rand) any, n int, nulls bool) arrow.Array {
	t.Helper()
	b := array.NewBuilder(memory.DefaultAllocator, typ)
	defer b.Release()
	pool := make([]any, 1+r.IntN(n+1))
	for i := range pool {
		pool[i] = some(r)
	}
	for range n {
		if nulls && r.IntN(6) == 0 {
			b.AppendNull()
			continue
		}
		v := pool[r.IntN(len(pool))]
		switch b := b.(type) {
		case *array.FixedSizeBinaryBuilder:
			b.Append(v.([]byte))
		case *array.BinaryBuilder:
			if s, ok := v.(string); ok {
				b.AppendString(s)
			} else {
				b.Append(v.([]byte))
			}
		case *array.Decimal128Builder:
			b.Append(v.(decimal128.Num))
		case *array.BooleanBuilder:
			b.Append(v.(bool))
		default:
			appendAny(t, b, v)
		}
	}
	return b.NewArray()
}

func appendAny(t testing.TB, b array.Builder, v any) {
	switch v := v.(type) {
	case int8:
		b.(*array.Int8Builder).Append(v)
	case int16:
		b.(*array.Int16Builder).Append(v)
	case int32:
		b.(*array.Int32Builder).Append(v)
	case int64:
		b.(*array.Int64Builder).Append(v)
	case uint8:
		b.(*array.Uint8Builder).Append(v)
	case uint16:
		b.(*array.Uint16Builder).Append(v)
	case uint32:
		b.(*array.Uint32Builder).Append(v)
	case uint64:
		b.(*array.Uint64Builder).Append(v)
	case float32:
		b.(*array.Float32Builder).Append(v)
	case float64:
		b.(*array.Float64Builder).Append(v)
	case arrow.Date32:
		b.(*array.Date32Builder).Append(v)
	case arrow.Date64:
		b.(*array.Date64Builder).Append(v)
	case arrow.Time32:
		b.(*array.Time32Builder).Append(v)
	case arrow.Time64:
		b.(*array.Time64Builder).Append(v)
	case arrow.Timestamp:
		b.(*array.TimestampBuilder).Append(v)
	case arrow.Duration:
		b.(*array.DurationBuilder).Append(v)
	case string:
		b.(array.StringLikeBuilder).Append(v)
	default:
		t.Fatalf("%T", v)
	}
}

func TestAnIndexHoldsTheRowsItWasBuiltOf(t *testing.T) {
	seed := seedtest.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	for name, kind := range randomValues {
		for _, version := range []file.Version{file.V20, file.V21, file.V22} {
			for _, n := range []int{0, 1, 37, 300} {
				values := randomArray(t, r, kind.typ, kind.some, n, r.IntN(3) > 0)
				opts := BuildOptions{Version: version, PageRows: []int{0, 1, 16, 100}[r.IntN(4)]}
				parts := cut(r, values)
				store, _ := written(t, opts, parts...)
				for _, p := range parts {
					p.Release()
				}
				checkIndex(t, fmt.Sprintf("%s, %d rows, %s", name, n, version), store, values)
				values.Release()
			}
		}
	}
}

// checkIndex compares an index with its values: every row once, in order, and found by its value.
func checkIndex(t *testing.T, name string, store storage.Store, values arrow.Array) {
	t.Helper()
	x := openIndex(t, store, "x", 0)
	if x.Len() != int64(values.Len()) || !arrow.TypeEqual(x.Type(), values.DataType()) {
		t.Fatalf("%s: %d rows of %s", name, x.Len(), x.Type())
	}
	rows := map[string][]uint64{}
	for i := range values.Len() {
		v, err := ValueAt(values, i)
		if err != nil {
			t.Fatal(err)
		}
		rows[v.identity()] = append(rows[v.identity()], uint64(i))
	}
	var last Value
	lastID, seen := uint64(0), 0
	for run, err := range x.Scan(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		for i, id := range run.IDs {
			v, err := ValueAt(run.Values, i)
			if err != nil {
				t.Fatal(err)
			}
			want, err := ValueAt(values, int(id))
			if err != nil {
				t.Fatal(err)
			}
			if v.Compare(want) != 0 {
				t.Fatalf("%s: row %d is %v, want %v", name, id, v, want)
			}
			if c := last.Compare(v); seen > 0 && (c > 0 || c == 0 && id <= lastID && !v.zero()) {
				t.Fatalf("%s: %v of row %d after %v of row %d", name, v, id, last, lastID)
			}
			last, lastID = v.clone(), id
			seen++
		}
	}
	if seen != values.Len() {
		t.Fatalf("%s: %d rows of %d", name, seen, values.Len())
	}
	for i := 0; i < values.Len(); i += 1 + values.Len()/50 {
		v, err := ValueAt(values, i)
		if err != nil {
			t.Fatal(err)
		}
		got, err := x.Lookup(t.Context(), v)
		if err != nil {
			t.Fatal(err)
		}
		want := rows[v.identity()]
		if v.zero() {
			got = sorted(got)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s: rows of %v (-want +got):\n%s", name, v, diff)
		}
	}
}

// zero reports one of the two zeros, which are one to a search but stand apart in an index.
func (v Value) zero() bool { return v.kind == kindFloat && v.bits == 0 }

// identity tells values apart, the two zeros not.
func (v Value) identity() string {
	return fmt.Sprint(v.kind, v.bits, v.high, string(v.text), v.text == nil)
}

func TestKeyIndexesOfLanceDBAreReproduced(t *testing.T) {
	for _, folder := range []string{"pk", "2.0/f64", "2.2/utf8", "2.2/i32", "2.2/none"} {
		src := dirStore(t, "testdata")
		want := openIndex(t, src, folder, 0)
		values, ids := insertOrder(t, want)
		opts := BuildOptions{PageRows: int(want.batch), Version: want.data.Version()}
		b, err := NewBuilder(want.Type(), opts)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Add(values, ids); err != nil {
			t.Fatal(err)
		}
		store := storage.NewMemStore()
		if _, err := b.Write(t.Context(), store, folder); err != nil {
			t.Fatal(err)
		}
		b.Release()
		values.Release()
		for _, name := range []string{dataName, lookupName} {
			if diff := cmp.Diff(content(t, src, folder+"/"+name), content(t, store, folder+"/"+name)); diff != "" {
				t.Errorf("%s/%s (-LanceDB +own):\n%s", folder, name, diff)
			}
		}
	}
}

// insertOrder are the values of an index in the order of their ids.
func insertOrder(t *testing.T, x *Index) (arrow.Array, []uint64) {
	t.Helper()
	all, err := x.data.ReadAll(t.Context(), "values", "ids")
	if err != nil {
		t.Fatal(err)
	}
	defer all.Release()
	ids := all.Column(1).(*array.Uint64).Uint64Values()
	order := make([]int, len(ids))
	for i := range order {
		order[i] = i
	}
	byID(order, ids)
	values, err := take(memory.DefaultAllocator, all.Column(0), order)
	if err != nil {
		t.Fatal(err)
	}
	return values, sorted(ids)
}

// content is what a file holds, for comparison. LanceDB leaves the order of rows with one value open; here it is by id.
func content(t *testing.T, s storage.Store, path string) string {
	t.Helper()
	r, err := file.OpenPath(t.Context(), s, path, file.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	all, err := r.ReadAll(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer all.Release()
	out := fmt.Sprintf("version %s, %v\n", r.Version(), r.Metadata())
	for _, f := range r.Schema().Messages() {
		out += fmt.Sprintf("%+v\n", f)
	}
	var lines []string
	first := all.Column(0).ValueStr(0)
	for i := range int(all.NumRows()) {
		line := ""
		for _, c := range all.Columns() {
			line += fmt.Sprintf("%8s ", c.ValueStr(i))
		}
		if v := all.Column(0).ValueStr(i); v != first {
			slices.Sort(lines)
			out += strings.Join(lines, "\n") + "\n"
			lines, first = nil, v
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return out + strings.Join(lines, "\n")
}

func TestWhatAManifestSaysOfAnIndex(t *testing.T) {
	b := array.NewInt32Builder(memory.DefaultAllocator)
	defer b.Release()
	b.AppendValues([]int32{3, 1, 2}, nil)
	values := b.NewArray()
	defer values.Release()
	store, meta := written(t, KeyOptions(), values)
	var files []pb.IndexFile
	entries, err := store.List(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		files = append(files, pb.IndexFile{Path: e.Name(), SizeBytes: uint64(e.Size)})
	}
	slices.SortFunc(files, func(a, b pb.IndexFile) int { return strings.Compare(a.Path, b.Path) })
	want := pb.IndexMetadata{Details: &pb.Any{TypeURL: "/lance.table.BTreeIndexDetails"}, Files: files}
	if diff := cmp.Diff(want, meta); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	x := openIndex(t, store, "x", 0)
	if x.batch != KeyPageRows || x.data.Version() != file.V20 {
		t.Errorf("pages of %d rows, version %s", x.batch, x.data.Version())
	}
}

func TestKeysOfSeveralColumns(t *testing.T) {
	seed := seedtest.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	const n = 300
	texts := randomArray(t, r, arrow.BinaryTypes.String, randomValues["utf8"].some, n, true)
	defer texts.Release()
	numbers := randomArray(t, r, arrow.PrimitiveTypes.Int64, randomValues["int64"].some, n, false)
	defer numbers.Release()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	keys, err := CompositeValues(mem, texts, numbers)
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Release()
	store, _ := written(t, KeyOptions(), keys)
	x := openIndex(t, store, "x", 0)
	for i := range n {
		a, err := ValueAt(texts, i)
		if err != nil {
			t.Fatal(err)
		}
		b, err := ValueAt(numbers, i)
		if err != nil {
			t.Fatal(err)
		}
		key, err := CompositeKey(a, b)
		if err != nil {
			t.Fatal(err)
		}
		if ids, err := x.Lookup(t.Context(), key); err != nil || !slices.Contains(ids, uint64(i)) {
			t.Fatalf("row %d is not among %v, %v", i, ids, err)
		}
	}
	floats := randomArray(t, r, arrow.PrimitiveTypes.Float64, randomValues["float64"].some, 3, false)
	defer floats.Release()
	if _, err := CompositeValues(mem, floats, floats); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a key of floats: %v", err)
	}
	none, err := CompositeValues(mem)
	if err != nil || none.Len() != 0 {
		t.Errorf("no columns: %v, %v", none, err)
	}
	none.Release()
}

func TestWhatAnIndexCannotHoldIsRefused(t *testing.T) {
	for _, typ := range []arrow.DataType{arrow.ListOf(arrow.PrimitiveTypes.Int8), arrow.Null, arrow.FixedWidthTypes.Float16} {
		if _, err := NewBuilder(typ, BuildOptions{}); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %v", typ, err)
		}
	}
	b, err := NewBuilder(arrow.BinaryTypes.String, BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Release()
	ints := randomArray(t, rand.New(rand.NewPCG(1, 1)), arrow.PrimitiveTypes.Int8, randomValues["int8"].some, 3, false)
	defer ints.Release()
	if err := b.AddRows(ints, 0); !errors.Is(err, ErrType) {
		t.Errorf("numbers among texts: %v", err)
	}
	if err := b.Add(ints, nil); !errors.Is(err, ErrType) || b.Len() != 0 {
		t.Errorf("values without ids: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Write(ctx, storage.NewMemStore(), "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func FuzzBuild(f *testing.F) {
	f.Add([]byte("b\x00a\x00\x00ab\x00b"), uint8(2), false)
	f.Add(make([]byte, 100), uint8(1), true)
	f.Fuzz(func(t *testing.T, data []byte, page uint8, old bool) {
		if len(data) > 2000 {
			return
		}
		b := array.NewBinaryBuilder(memory.DefaultAllocator, arrow.BinaryTypes.Binary)
		defer b.Release()
		for _, v := range strings.Split(string(data), "\x00") {
			if v == "n" {
				b.AppendNull()
			} else {
				b.AppendString(v)
			}
		}
		values := b.NewArray()
		defer values.Release()
		opts := BuildOptions{PageRows: 1 + int(page)}
		if old {
			opts.Version = file.V20
		}
		store, _ := written(t, opts, values)
		checkIndex(t, "fuzz", store, values)
	})
}

func BenchmarkBuild(b *testing.B) {
	const n = 200_000
	r := rand.New(rand.NewPCG(1, 1))
	texts, ints := array.NewStringBuilder(memory.DefaultAllocator), array.NewInt64Builder(memory.DefaultAllocator)
	defer texts.Release()
	defer ints.Release()
	for range n {
		texts.Append(fmt.Sprintf("customer-%09d", r.IntN(n)))
		ints.Append(r.Int64())
	}
	for name, values := range map[string]arrow.Array{"utf8": texts.NewArray(), "int64": ints.NewArray()} {
		b.Run("key="+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				builder, err := NewBuilder(values.DataType(), KeyOptions())
				if err != nil {
					b.Fatal(err)
				}
				if err := builder.AddRows(values, 0); err != nil {
					b.Fatal(err)
				}
				if _, err := builder.Write(b.Context(), storage.NewMemStore(), "x"); err != nil {
					b.Fatal(err)
				}
				builder.Release()
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "keys/s")
		})
		values.Release()
	}
}
