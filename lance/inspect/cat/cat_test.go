package cat_test

import (
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/decimal256"
	"github.com/apache/arrow-go/v18/arrow/float16"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/inspect/cat"
	"github.com/hearthcache/hearth/lance/storage"
)

func checked(t *testing.T) *memory.CheckedAllocator {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	t.Cleanup(func() { mem.AssertSize(t, 0) })
	return mem
}

// value is a type, how one value is put into a builder, and its forms.
type value struct {
	typ  arrow.DataType
	add  func(b array.Builder)
	json string
	csv  string
}

func values() map[string]value {
	text := func(s string) func(b array.Builder) {
		return func(b array.Builder) {
			if err := b.AppendValueFromString(s); err != nil {
				panic(err)
			}
		}
	}
	str := func(s string) func(b array.Builder) {
		return func(b array.Builder) { b.(*array.StringBuilder).Append(s) }
	}
	f64 := func(v float64) func(b array.Builder) {
		return func(b array.Builder) { b.(*array.Float64Builder).Append(v) }
	}
	list := func(b array.Builder) {
		l := b.(array.ListLikeBuilder)
		l.Append(true)
		v := l.ValueBuilder().(*array.Float32Builder)
		v.AppendValues([]float32{0.1, -2, 0}, []bool{true, true, false})
	}
	return map[string]value{
		"null":             {arrow.Null, func(b array.Builder) { b.AppendNull() }, `null`, ``},
		"true":             {arrow.FixedWidthTypes.Boolean, text("true"), `true`, `true`},
		"int8":             {arrow.PrimitiveTypes.Int8, text("-128"), `-128`, `-128`},
		"int16":            {arrow.PrimitiveTypes.Int16, text("-300"), `-300`, `-300`},
		"int32":            {arrow.PrimitiveTypes.Int32, text("-2147483648"), `-2147483648`, `-2147483648`},
		"int64":            {arrow.PrimitiveTypes.Int64, text("-9223372036854775808"), `-9223372036854775808`, `-9223372036854775808`},
		"uint8":            {arrow.PrimitiveTypes.Uint8, text("255"), `255`, `255`},
		"uint16":           {arrow.PrimitiveTypes.Uint16, text("65535"), `65535`, `65535`},
		"uint32":           {arrow.PrimitiveTypes.Uint32, text("4294967295"), `4294967295`, `4294967295`},
		"uint64":           {arrow.PrimitiveTypes.Uint64, text("18446744073709551615"), `18446744073709551615`, `18446744073709551615`},
		"float16":          {arrow.FixedWidthTypes.Float16, func(b array.Builder) { b.(*array.Float16Builder).Append(float16.New(0.1)) }, `0.0999755859375`, `0.0999755859375`},
		"float32":          {arrow.PrimitiveTypes.Float32, text("0.1"), `0.10000000149011612`, `0.10000000149011612`},
		"float64":          {arrow.PrimitiveTypes.Float64, f64(0.1), `0.1`, `0.1`},
		"a small float":    {arrow.PrimitiveTypes.Float64, f64(1.5e-9), `1.5e-9`, `1.5e-9`},
		"a tiny float":     {arrow.PrimitiveTypes.Float64, f64(5e-324), `5e-324`, `5e-324`},
		"a large float":    {arrow.PrimitiveTypes.Float64, f64(1e21), `1e+21`, `1e+21`},
		"a whole float":    {arrow.PrimitiveTypes.Float64, f64(123456789012345680000), `123456789012345680000`, `123456789012345680000`},
		"not a number":     {arrow.PrimitiveTypes.Float64, f64(math.NaN()), `"NaN"`, `NaN`},
		"infinity":         {arrow.PrimitiveTypes.Float64, f64(math.Inf(1)), `"Infinity"`, `Infinity`},
		"minus infinity":   {arrow.PrimitiveTypes.Float64, f64(math.Inf(-1)), `"-Infinity"`, `-Infinity`},
		"text":             {arrow.BinaryTypes.String, str("grün"), `"grün"`, `grün`},
		"no text":          {arrow.BinaryTypes.String, str(""), `""`, `""`},
		"odd text":         {arrow.BinaryTypes.String, str("a,\"b\"\\\n\r\t\b\f\x01\x7f"), `"a,\"b\"\\\n\r\t\b\f\u0001` + "\x7f" + `"`, "\"a,\"\"b\"\"\\\n\r\t\b\f\x01\x7f\""},
		"text with spaces": {arrow.BinaryTypes.String, str(" a "), `" a "`, `" a "`},
		"text that is not": {arrow.BinaryTypes.String, str("a\xffb"), "\"a\uFFFDb\"", "a\uFFFDb"},
		"large text":       {arrow.BinaryTypes.LargeString, text("x"), `"x"`, `x`},
		"binary":           {arrow.BinaryTypes.Binary, func(b array.Builder) { b.(*array.BinaryBuilder).Append([]byte{0, 255}) }, `"AP8="`, `AP8=`},
		"large binary":     {arrow.BinaryTypes.LargeBinary, func(b array.Builder) { b.(*array.BinaryBuilder).Append([]byte{}) }, `""`, `""`},
		"fixed binary":     {&arrow.FixedSizeBinaryType{ByteWidth: 2}, func(b array.Builder) { b.(*array.FixedSizeBinaryBuilder).Append([]byte{1, 2}) }, `"AQI="`, `AQI=`},
		"decimal128":       {&arrow.Decimal128Type{Precision: 10, Scale: 2}, func(b array.Builder) { b.(*array.Decimal128Builder).Append(decimal128.FromI64(-12345)) }, `"-123.45"`, `-123.45`},
		"decimal256":       {&arrow.Decimal256Type{Precision: 60, Scale: 3}, func(b array.Builder) { b.(*array.Decimal256Builder).Append(decimal256.FromI64(7)) }, `"0.007"`, `0.007`},
		"date32":           {arrow.FixedWidthTypes.Date32, text("1969-12-31"), `"1969-12-31"`, `1969-12-31`},
		"date64":           {arrow.FixedWidthTypes.Date64, text("2026-02-03"), `"2026-02-03"`, `2026-02-03`},
		"time32":           {arrow.FixedWidthTypes.Time32ms, func(b array.Builder) { b.(*array.Time32Builder).Append(3723004) }, `"01:02:03.004"`, `01:02:03.004`},
		"time64":           {arrow.FixedWidthTypes.Time64ns, func(b array.Builder) { b.(*array.Time64Builder).Append(1_500_000_000) }, `"00:00:01.5"`, `00:00:01.5`},
		"timestamp":        {&arrow.TimestampType{Unit: arrow.Microsecond}, func(b array.Builder) { b.(*array.TimestampBuilder).Append(-1) }, `"1969-12-31T23:59:59.999999"`, `1969-12-31T23:59:59.999999`},
		"zoned timestamp":  {&arrow.TimestampType{Unit: arrow.Second, TimeZone: "Europe/Zurich"}, func(b array.Builder) { b.(*array.TimestampBuilder).Append(86400) }, `"1970-01-02T00:00:00Z"`, `1970-01-02T00:00:00Z`},
		"duration":         {&arrow.DurationType{Unit: arrow.Millisecond}, func(b array.Builder) { b.(*array.DurationBuilder).Append(-5) }, `-5`, `-5`},
		"list":             {arrow.ListOf(arrow.PrimitiveTypes.Float32), list, `[0.10000000149011612,-2,null]`, `"[0.10000000149011612,-2,null]"`},
		"large list":       {arrow.LargeListOf(arrow.PrimitiveTypes.Float32), list, `[0.10000000149011612,-2,null]`, `"[0.10000000149011612,-2,null]"`},
		"vector":           {arrow.FixedSizeListOf(3, arrow.PrimitiveTypes.Float32), list, `[0.10000000149011612,-2,null]`, `"[0.10000000149011612,-2,null]"`},
		"no list":          {arrow.ListOf(arrow.PrimitiveTypes.Float32), func(b array.Builder) { b.(*array.ListBuilder).Append(true) }, `[]`, `[]`},
		"dictionary": {
			&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String},
			func(b array.Builder) { _ = b.(*array.BinaryDictionaryBuilder).AppendString("d") },
			`"d"`, `d`,
		},
		"struct": {
			arrow.StructOf(arrow.Field{Name: `a"b`, Type: arrow.BinaryTypes.String}, arrow.Field{Name: "c", Type: arrow.PrimitiveTypes.Int8, Nullable: true}),
			func(b array.Builder) {
				s := b.(*array.StructBuilder)
				s.Append(true)
				s.FieldBuilder(0).(*array.StringBuilder).Append("x")
				s.FieldBuilder(1).AppendNull()
			},
			`{"a\"b":"x","c":null}`, `"{""a\""b"":""x"",""c"":null}"`,
		},
		"map": {
			arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int8),
			func(b array.Builder) {
				m := b.(*array.MapBuilder)
				m.Append(true)
				m.KeyBuilder().(*array.StringBuilder).Append("k")
				m.ItemBuilder().(*array.Int8Builder).Append(1)
			},
			`[{"key":"k","value":1}]`, `"[{""key"":""k"",""value"":1}]"`,
		},
	}
}

// batch has a column "row" and a column "v" with a null in front of the value.
func (v value) batch(mem memory.Allocator) arrow.RecordBatch {
	sc := arrow.NewSchema([]arrow.Field{{Name: "row", Type: arrow.PrimitiveTypes.Int32}, {Name: "v", Type: v.typ, Nullable: true}}, nil)
	b := array.NewRecordBuilder(mem, sc)
	defer b.Release()
	b.Field(0).(*array.Int32Builder).AppendValues([]int32{1, 2}, nil)
	b.Field(1).AppendNull()
	v.add(b.Field(1))
	return b.NewRecordBatch()
}

// write returns what a Writer makes of batches.
func write(t *testing.T, format cat.Format, sc *arrow.Schema, batches ...arrow.RecordBatch) string {
	t.Helper()
	var out bytes.Buffer
	w, err := cat.NewWriter(&out, format, sc)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range batches {
		if err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestValuesOfEveryTypeHaveTheirForms(t *testing.T) {
	for name, v := range values() {
		t.Run(name, func(t *testing.T) {
			b := v.batch(checked(t))
			defer b.Release()
			lines := write(t, cat.JSON, b.Schema(), b)
			if want := "{\"row\":1,\"v\":null}\n{\"row\":2,\"v\":" + v.json + "}\n"; lines != want {
				t.Errorf("JSON: got %q, want %q", lines, want)
			}
			for line := range strings.Lines(lines) {
				if !json.Valid([]byte(line)) {
					t.Errorf("not JSON: %s", line)
				}
			}
			text := write(t, cat.CSV, b.Schema(), b)
			if want := "row,v\n1,\n2," + v.csv + "\n"; text != want {
				t.Errorf("CSV: got %q, want %q", text, want)
			}
			r := csv.NewReader(strings.NewReader(text))
			rows, err := r.ReadAll()
			if err != nil || len(rows) != 3 || len(rows[2]) != 2 {
				t.Errorf("CSV: got %q and %v", rows, err)
			}
			// A slice is read from its own beginning.
			tail := b.NewSlice(1, 2)
			defer tail.Release()
			if got := write(t, cat.JSON, b.Schema(), tail); !strings.HasSuffix(lines, got) || strings.Count(got, "\n") != 1 {
				t.Errorf("slice: got %q of %q", got, lines)
			}
			// Arrow comes back as it was.
			back, err := ipc.NewReader(strings.NewReader(write(t, cat.Arrow, b.Schema(), b, tail)))
			if err != nil {
				t.Fatal(err)
			}
			defer back.Release()
			for _, want := range []arrow.RecordBatch{b, tail} {
				if !back.Next() || !array.RecordEqual(back.RecordBatch(), want) && !strings.Contains(name, "not a number") {
					t.Errorf("Arrow: got %v and %v, want %v", back.RecordBatch(), back.Err(), want)
				}
			}
			if back.Next() || back.Err() != nil {
				t.Errorf("more than that: %v", back.Err())
			}
		})
	}
}

func TestWhatHasNoFormIsRefused(t *testing.T) {
	sc := arrow.NewSchema([]arrow.Field{{Name: "i", Type: arrow.FixedWidthTypes.MonthInterval}}, nil)
	if _, err := cat.NewWriter(io.Discard, "xml", sc); !errors.Is(err, cat.ErrFormat) {
		t.Errorf("got %v, want ErrFormat", err)
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, sc)
	defer b.Release()
	b.Field(0).(*array.MonthIntervalBuilder).Append(1)
	batch := b.NewRecordBatch()
	defer batch.Release()
	for _, f := range []cat.Format{cat.JSON, cat.CSV} {
		w, err := cat.NewWriter(io.Discard, f, sc)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(batch); !errors.Is(err, cat.ErrFormat) || !strings.Contains(err.Error(), `column "i"`) {
			t.Errorf("%s: got %v, want ErrFormat with the column", f, err)
		}
	}
}

func TestOneColumnOfNullsKeepsItsRowsInCSV(t *testing.T) {
	sc := arrow.NewSchema([]arrow.Field{{Name: "a,b", Type: arrow.PrimitiveTypes.Int8, Nullable: true}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, sc)
	defer b.Release()
	b.Field(0).AppendNull()
	batch := b.NewRecordBatch()
	defer batch.Release()
	if got := write(t, cat.CSV, sc, batch); got != "\"a,b\"\n\"\"\n" {
		t.Errorf("got %q", got)
	}
	if got := write(t, cat.CSV, sc); got != "\"a,b\"\n" {
		t.Errorf("without rows: got %q", got)
	}
	if got := write(t, cat.JSON, sc); got != "" {
		t.Errorf("without rows: got %q", got)
	}
}

type limited struct{ left int }

var errClosed = errors.New("closed")

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, errClosed
	}
	return len(p), nil
}

func TestOutputIsWrittenAsItComesAndFaultsEndIt(t *testing.T) {
	d := open(t, "../../../testdata/lance-memwal/db", "items.lance")
	for _, f := range []cat.Format{cat.JSON, cat.CSV, cat.Arrow} {
		batches, err := cat.Table(t.Context(), d, cat.Options{})
		if err != nil {
			t.Fatal(err)
		}
		w, err := cat.NewWriter(&limited{100_000}, f, batches.Schema)
		if err != nil {
			t.Fatal(err)
		}
		for b, err := range batches.All {
			if err != nil {
				t.Fatal(err)
			}
			err = w.Write(b)
			b.Release()
			if !errors.Is(err, errClosed) {
				t.Errorf("%s: got %v", f, err)
			}
			break
		}
	}
}

// open opens a table with a checked allocator.
func open(t *testing.T, root, table string) *dataset.Dataset {
	t.Helper()
	mem := checked(t)
	dir, err := storage.NewDir(root)
	if err != nil {
		t.Fatal(err)
	}
	s, err := storage.Sub(dir, table)
	if err != nil {
		t.Fatal(err)
	}
	d, err := dataset.Open(t.Context(), s, dataset.Options{File: file.Options{Allocator: mem}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = d.Close()
		_ = dir.Close()
	})
	return d
}

// lines are the rows of batches as JSON.
func lines(t *testing.T, batches *cat.Batches, err error) []string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w, err := cat.NewWriter(&out, cat.JSON, batches.Schema)
	if err != nil {
		t.Fatal(err)
	}
	for b, err := range batches.All {
		if err != nil {
			t.Fatal(err)
		}
		if !b.Schema().Equal(batches.Schema) {
			t.Fatalf("got schema %s, want %s", b.Schema(), batches.Schema)
		}
		if err := w.Write(b); err != nil {
			t.Fatal(err)
		}
		b.Release()
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return slices.Collect(strings.Lines(out.String()))
}

func TestOffsetAndLimitCutTheRowsOfATable(t *testing.T) {
	for root, tables := range map[string][]string{
		"../../../testdata/lance-memwal/db": {"items.lance"},
		"../../testdata/tables":             {"t02.lance", "t06.lance", "t14.lance"},
	} {
		for _, table := range tables {
			d := open(t, root, table)
			column := d.Schema().Fields[0].Name
			get := func(o cat.Options) []string {
				o.Columns = []string{column}
				b, err := cat.Table(t.Context(), d, o)
				return lines(t, b, err)
			}
			all := get(cat.Options{})
			rows, err := d.CountRows(t.Context())
			if err != nil || len(all) != int(rows) {
				t.Fatalf("%s: got %d rows and %v, want %d", table, len(all), err, rows)
			}
			n := int64(len(all))
			for _, offset := range []int64{0, 1, n / 3, n / 2, n - 1, n, n + 5} {
				for _, limit := range []int64{0, 1, 2, n / 2, n, n + 5, math.MaxInt64} {
					if offset < 0 || limit < 0 {
						continue
					}
					want := all[min(offset, n):]
					if limit > 0 {
						want = want[:min(int64(len(want)), limit)]
					}
					got := get(cat.Options{Offset: offset, Limit: limit})
					if !slices.Equal(got, want) {
						t.Errorf("%s: offset %d, limit %d of %d: got %d rows, want %d", table, offset, limit, n, len(got), len(want))
					}
				}
			}
			if _, err := cat.Table(t.Context(), d, cat.Options{Columns: []string{"nope"}}); err == nil {
				t.Errorf("%s: a column that is not there was taken", table)
			}
		}
	}
}

func TestOffsetAndLimitCutTheRowsOfAFile(t *testing.T) {
	dir, err := storage.NewDir("../../../testdata/lance-memwal/db/items.lance/_indices/77efb4db-1a72-48bf-b923-c74fa20fdf82")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }()
	r, err := file.OpenPath(t.Context(), dir, "part_0_docs.lance", file.Options{Allocator: checked(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	get := func(o cat.Options) []string {
		b, err := cat.File(t.Context(), r, o)
		return lines(t, b, err)
	}
	if got := get(cat.Options{}); len(got) != 1000 {
		t.Errorf("got %d rows", len(got))
	}
	want := []string{"{\"_rowid\":998}\n", "{\"_rowid\":999}\n"}
	if diff := cmp.Diff(want, get(cat.Options{Columns: []string{"_rowid"}, Offset: 998, Limit: 5})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want[:1], get(cat.Options{Columns: []string{"_rowid"}, Offset: 998, Limit: 1})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := get(cat.Options{Offset: math.MaxInt64, Limit: math.MaxInt64}); len(got) != 0 {
		t.Errorf("got %d rows", len(got))
	}
	if _, err := cat.File(t.Context(), r, cat.Options{Columns: []string{"nope"}}); err == nil {
		t.Error("a column that is not there was taken")
	}
}

func FuzzTextIsJSON(f *testing.F) {
	f.Add("plain")
	f.Add("\x00\"\\\u2028\xff\xf0\x90")
	f.Fuzz(func(t *testing.T, s string) {
		b := array.NewStringBuilder(memory.DefaultAllocator)
		defer b.Release()
		b.Append(s)
		a := b.NewArray()
		defer a.Release()
		got, err := cat.AppendJSON(nil, a, 0)
		if err != nil {
			t.Fatal(err)
		}
		var back, want string
		std, err := json.Marshal(s)
		if err == nil {
			err = json.Unmarshal(std, &want)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(got, &back); err != nil || back != want {
			t.Errorf("%q: got %s, which is %q and %v", s, got, back, err)
		}
	})
}

func FuzzNumbersReadBack(f *testing.F) {
	for _, v := range []float64{0, 1e-7, 1e-6, 1e21, 123456, math.MaxFloat64, math.SmallestNonzeroFloat64, math.Copysign(0, -1)} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v float64) {
		b := array.NewFloat64Builder(memory.DefaultAllocator)
		defer b.Release()
		b.Append(v)
		a := b.NewArray()
		defer a.Release()
		got, err := cat.AppendJSON(nil, a, 0)
		if err != nil {
			t.Fatal(err)
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return
		}
		want, err := json.Marshal(v) // as JavaScript has it
		if err != nil || string(got) != string(want) {
			t.Errorf("got %s, want %s and %v", got, want, err)
		}
	})
}

func TestBinaryIsStandardBase64(t *testing.T) {
	b := array.NewBinaryBuilder(memory.DefaultAllocator, arrow.BinaryTypes.Binary)
	defer b.Release()
	b.Append([]byte{0xfb, 0xff, 0xfe})
	a := b.NewArray()
	defer a.Release()
	got, err := cat.AppendJSON(nil, a, 0)
	if want := `"` + base64.StdEncoding.EncodeToString([]byte{0xfb, 0xff, 0xfe}) + `"`; err != nil || string(got) != want {
		t.Errorf("got %s and %v, want %s", got, err, want)
	}
}
