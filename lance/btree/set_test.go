package btree

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/internal/seedtest"
)

func record(t testing.TB, mem memory.Allocator, rows string, fields ...arrow.Field) arrow.RecordBatch {
	t.Helper()
	for i := range fields {
		fields[i].Nullable = true
	}
	rec, _, err := array.RecordFromJSON(mem, arrow.NewSchema(fields, nil), strings.NewReader(rows))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(rec.Release)
	return rec
}

func checked(t testing.TB) memory.Allocator {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	t.Cleanup(func() { mem.AssertSize(t, 0) })
	return mem
}

func setOf(t testing.TB, columns ...arrow.Array) *Set {
	t.Helper()
	var b SetBuilder
	if err := b.Add(columns...); err != nil {
		t.Fatal(err)
	}
	return b.Set()
}

func TestSetsEqualAMap(t *testing.T) {
	seed := seedtest.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	mem := checked(t)
	builders := map[string]func(n int) arrow.Array{
		"int64": func(n int) arrow.Array {
			b := array.NewInt64Builder(mem)
			defer b.Release()
			for range n {
				if rng.IntN(50) == 0 {
					b.AppendNull()
				} else {
					b.Append(rng.Int64N(int64(n)) - int64(n/4))
				}
			}
			return b.NewArray()
		},
		"utf8": func(n int) arrow.Array {
			b := array.NewStringBuilder(mem)
			defer b.Release()
			for range n {
				if rng.IntN(50) == 0 {
					b.AppendNull()
				} else {
					b.Append(strings.Repeat("x", rng.IntN(3)) + fmt.Sprint(rng.IntN(n)))
				}
			}
			return b.NewArray()
		},
		"uint8": func(n int) arrow.Array {
			b := array.NewUint8Builder(mem)
			defer b.Release()
			for range n {
				b.Append(uint8(rng.IntN(n)))
			}
			return b.NewArray()
		},
	}
	for name, build := range builders {
		for _, n := range []int{0, 1, 10, 1000, 20_000} {
			a, b, probe := build(n+1), build(n/2+1), build(n+100)
			var sb SetBuilder
			model := map[string]bool{}
			for _, arr := range []arrow.Array{a, b} {
				if err := sb.Add(arr); err != nil {
					t.Fatal(err)
				}
				for i := range arr.Len() {
					model[arr.ValueStr(i)] = true
				}
			}
			s := sb.Set()
			if s.Len() != len(model) {
				t.Errorf("%s: %d keys, want %d", name, s.Len(), len(model))
			}
			m, err := s.Match(probe)
			if err != nil {
				t.Fatal(err)
			}
			for i := range probe.Len() {
				v, err := ValueAt(probe, i)
				if err != nil {
					t.Fatal(err)
				}
				want := model[probe.ValueStr(i)]
				if m.Contains(i) != want || s.Has(v) != want {
					t.Fatalf("%s: %v is a member: %v, %v; want %v", name, v, m.Contains(i), s.Has(v), want)
				}
			}
			if perKey := float64(s.SizeBytes()) / float64(s.Len()); n == 20_000 && perKey > 60 {
				t.Errorf("%s: %.0f bytes a key", name, perKey)
			}
			for _, arr := range []arrow.Array{a, b, probe} {
				arr.Release()
			}
		}
	}
}

func TestSetsOfSeveralColumns(t *testing.T) {
	mem := checked(t)
	rec := record(t, mem, `[
		{"a":1,"b":"x","c":true},{"a":1,"b":"y","c":true},{"a":null,"b":"x","c":false},{"a":1,"b":null,"c":true},{"a":1,"b":"x","c":true}]`,
		arrow.Field{Name: "a", Type: arrow.PrimitiveTypes.Int32}, arrow.Field{Name: "b", Type: arrow.BinaryTypes.String}, arrow.Field{Name: "c", Type: arrow.FixedWidthTypes.Boolean})
	s := setOf(t, rec.Columns()...)
	if s.Len() != 4 {
		t.Errorf("%d keys, want 4", s.Len())
	}
	m, err := s.Match(rec.Columns()...)
	if err != nil {
		t.Fatal(err)
	}
	for row := range int(rec.NumRows()) {
		if !m.Contains(row) {
			t.Errorf("row %d is missing", row)
		}
	}
	for name, tt := range map[string]struct {
		key  []Value
		want bool
	}{
		"a key":              {[]Value{Int(1), Text("y"), Bool(true)}, true},
		"a key with null":    {[]Value{Null(), Text("x"), Bool(false)}, true},
		"another last part":  {[]Value{Int(1), Text("y"), Bool(false)}, false},
		"another first part": {[]Value{Int(2), Text("y"), Bool(true)}, false},
		"half a key":         {[]Value{Int(1), Text("y")}, false},
		"a float":            {[]Value{Int(1), Float(1), Bool(true)}, false},
	} {
		if got := s.Has(tt.key...); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestSetsRefuseWhatIsNoKey(t *testing.T) {
	mem := checked(t)
	rec := record(t, mem, `[{"i":1,"u":1,"s":"a","f":1.5,"l":[1]}]`,
		arrow.Field{Name: "i", Type: arrow.PrimitiveTypes.Int64}, arrow.Field{Name: "u", Type: arrow.PrimitiveTypes.Uint64},
		arrow.Field{Name: "s", Type: arrow.BinaryTypes.String}, arrow.Field{Name: "f", Type: arrow.PrimitiveTypes.Float64},
		arrow.Field{Name: "l", Type: arrow.ListOf(arrow.PrimitiveTypes.Int32)})
	i, u, s, f, l := rec.Column(0), rec.Column(1), rec.Column(2), rec.Column(3), rec.Column(4)
	for _, bad := range []arrow.Array{f, l} {
		if err := new(SetBuilder).Add(bad); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: %v", bad.DataType(), err)
		}
	}
	times := record(t, mem, `[{"a":1,"b":2}]`, arrow.Field{Name: "a", Type: arrow.PrimitiveTypes.Int32}, arrow.Field{Name: "b", Type: arrow.FixedWidthTypes.Timestamp_s})
	if err := new(SetBuilder).Add(times.Columns()...); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a timestamp in a composite key: %v", err)
	}
	if _, err := AppendCompositeKey(nil, 0, times.Columns()...); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a timestamp in a composite key: %v", err)
	}
	if err := new(SetBuilder).Add(times.Column(1)); err != nil {
		t.Errorf("a timestamp alone: %v", err)
	}
	if err := new(SetBuilder).Add(); !errors.Is(err, ErrUnsupported) {
		t.Errorf("no columns: %v", err)
	}
	var b SetBuilder
	if err := b.Add(i); err != nil {
		t.Fatal(err)
	}
	for name, columns := range map[string][]arrow.Array{"text": {s}, "unsigned": {u}, "more columns": {i, s}} {
		if err := b.Add(columns...); !errors.Is(err, ErrType) {
			t.Errorf("%s among integers: %v", name, err)
		}
	}
	set := b.Set()
	for name, columns := range map[string][]arrow.Array{"text": {s}, "unsigned": {u}, "more columns": {i, s}} {
		if _, err := set.Match(columns...); !errors.Is(err, ErrType) {
			t.Errorf("match of %s among integers: %v", name, err)
		}
	}
	if !set.Has(Int(1)) || !set.Has(Uint(1)) || set.Has(Text("1")) || set.Has(Float(1)) || set.Has(Uint(math.MaxUint64)) || set.Has(Null()) {
		t.Error("membership of values of other types")
	}
	var empty Set
	m, err := empty.Match(l)
	if err != nil || m.Contains(0) || empty.Has(Int(1)) {
		t.Errorf("the empty set: %v", err)
	}
}

func TestCompositeKeysAreEncodedAsSpecified(t *testing.T) {
	for _, tt := range []struct {
		name string
		key  []Value
		want string
	}{
		{"null", []Value{Null()}, "00"},
		{"a signed integer", []Value{Int(1)}, "018000000000000001"},
		{"a negative integer", []Value{Int(-1)}, "017fffffffffffffff"},
		{"an unsigned integer", []Value{Uint(258)}, "010000000000000102"},
		{"booleans", []Value{Bool(true), Bool(false)}, "01010100"},
		{"text", []Value{Text("ab")}, "0161620000"},
		{"text with zeros", []Value{Text("\x00a\x00")}, "0100ff6100ff0000"},
		{"empty text, then null", []Value{Text(""), Null()}, "01000000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := CompositeKey(tt.key...)
			if err != nil || hex.EncodeToString(got.text) != tt.want {
				t.Errorf("got %x, %v; want %s", got.text, err, tt.want)
			}
		})
	}
	for _, v := range []Value{Float(1), Decimal(decimal128.FromI64(1))} {
		if _, err := CompositeKey(Int(1), v); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%v: %v", v, err)
		}
	}
}

func TestCompositeKeysSortAsTheirColumnsDo(t *testing.T) {
	seed := seedtest.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	some := func(column int) Value {
		if rng.IntN(6) == 0 {
			return Null()
		}
		switch column {
		case 0:
			return Int(rng.Int64N(5) - 2)
		case 1:
			b := make([]byte, rng.IntN(4))
			for i := range b {
				b[i] = []byte{0, 1, 254, 255}[rng.IntN(4)]
			}
			return Bytes(b)
		case 2:
			return Uint(rng.Uint64N(3) << 62)
		default:
			return Bool(rng.IntN(2) == 0)
		}
	}
	key := func() []Value { return []Value{some(0), some(1), some(2), some(3)} }
	for range 20_000 {
		a, b := key(), key()
		want := 0
		for i := range a {
			if want = a[i].Compare(b[i]); want != 0 {
				break
			}
		}
		ka, err := CompositeKey(a...)
		if err != nil {
			t.Fatal(err)
		}
		kb, err := CompositeKey(b...)
		if err != nil {
			t.Fatal(err)
		}
		if got := ka.Compare(kb); got != want {
			t.Fatalf("%v and %v compare as %d, their keys as %d", a, b, want, got)
		}
	}
}

func TestValuesOfEveryTypeCompareAndPrint(t *testing.T) {
	mem := checked(t)
	for _, tt := range []struct {
		typ  arrow.DataType
		rows string // ascending, nulls first
		text string // of the second
	}{
		{arrow.PrimitiveTypes.Int8, `[null,-128,127]`, "-128"},
		{arrow.PrimitiveTypes.Int16, `[null,-3,4]`, "-3"},
		{arrow.PrimitiveTypes.Int32, `[null,-3,4]`, "-3"},
		{arrow.PrimitiveTypes.Int64, `[null,-3,4]`, "-3"},
		{arrow.PrimitiveTypes.Uint8, `[null,3,200]`, "3"},
		{arrow.PrimitiveTypes.Uint16, `[null,3,60000]`, "3"},
		{arrow.PrimitiveTypes.Uint32, `[null,3,4000000000]`, "3"},
		{arrow.PrimitiveTypes.Uint64, `[null,3,18000000000000000000]`, "3"},
		{arrow.PrimitiveTypes.Float32, `[null,-2.5,3]`, "-2.5"},
		{arrow.PrimitiveTypes.Float64, `[null,-2.5,3]`, "-2.5"},
		{arrow.FixedWidthTypes.Boolean, `[null,false,true]`, "false"},
		{arrow.BinaryTypes.String, `[null,"a","b"]`, `"a"`},
		{arrow.BinaryTypes.LargeString, `[null,"a","b"]`, `"a"`},
		{arrow.BinaryTypes.Binary, `[null,"AA==","AQ=="]`, `"\x00"`},
		{arrow.BinaryTypes.LargeBinary, `[null,"AA==","AQ=="]`, `"\x00"`},
		{&arrow.FixedSizeBinaryType{ByteWidth: 1}, `[null,"AA==","AQ=="]`, `"\x00"`},
		{arrow.FixedWidthTypes.Date32, `[null,"1969-12-31","1970-01-02"]`, "-1"},
		{arrow.FixedWidthTypes.Date64, `[null,"1969-12-31","1970-01-02"]`, "-86400000"},
		{arrow.FixedWidthTypes.Time32ms, `[null,"00:00:01","00:00:02"]`, "1000"},
		{arrow.FixedWidthTypes.Time64us, `[null,"00:00:01","00:00:02"]`, "1000000"},
		{arrow.FixedWidthTypes.Timestamp_s, `[null,1,2]`, "1"},
		{arrow.FixedWidthTypes.Duration_s, `[null,"1s","2s"]`, "1"},
		{&arrow.Decimal128Type{Precision: 20, Scale: 2}, `[null,"-1.25","3.00"]`, "-125"},
	} {
		arr, _, err := array.FromJSON(mem, tt.typ, strings.NewReader(tt.rows))
		if err != nil {
			t.Fatalf("%s: %v", tt.typ, err)
		}
		var values []Value
		for row := range arr.Len() {
			v, err := ValueAt(arr, row)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, v)
		}
		for i := range values {
			for j := range values {
				if got := values[i].Compare(values[j]); got != min(1, max(-1, i-j)) {
					t.Errorf("%s: %v and %v compare as %d", tt.typ, values[i], values[j], got)
				}
			}
		}
		if got := values[1].String(); got != tt.text || values[0].String() != "null" || !values[0].IsNull() {
			t.Errorf("%s prints as %s, want %s", tt.typ, got, tt.text)
		}
		arr.Release()
	}
	if got := Text(strings.Repeat("x", 50)).String(); len(got) > 50 {
		t.Errorf("long text prints as %s", got)
	}
	if Int(-1).Compare(Uint(0)) >= 0 || Uint(math.MaxUint64).Compare(Int(math.MaxInt64)) <= 0 || Uint(7).Compare(Int(7)) != 0 {
		t.Error("signed and unsigned integers do not compare as numbers")
	}
}
