package writer

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/schema"
)

// dim is the dimension of vectors.
const dim = 8

// null is what Arrow's arrays print for null.
const null = "(null)"

// A made is a table with random columns, and what must be in it. Values are the text that Arrow's builders take.
type made struct {
	name, version string
	key           []string
	spec          map[string]any
	indexes       bool
	schema        *arrow.Schema
	keys          int               // how many there may be
	rows          map[string]values // by key
}

type values []string

// generators make values of each type that LanceDB's JavaScript client takes; it refuses large_utf8.
var generators = []struct {
	typ  arrow.DataType
	make func(*rand.Rand) string
}{
	{arrow.FixedWidthTypes.Boolean, func(r *rand.Rand) string { return strconv.FormatBool(r.IntN(2) == 0) }},
	{arrow.PrimitiveTypes.Int8, signed(8)},
	{arrow.PrimitiveTypes.Int16, signed(16)},
	{arrow.PrimitiveTypes.Int32, signed(32)},
	{arrow.PrimitiveTypes.Int64, signed(64)},
	{arrow.PrimitiveTypes.Uint8, unsigned(8)},
	{arrow.PrimitiveTypes.Uint16, unsigned(16)},
	{arrow.PrimitiveTypes.Uint32, unsigned(32)},
	{arrow.PrimitiveTypes.Uint64, unsigned(64)},
	{arrow.FixedWidthTypes.Float16, func(r *rand.Rand) string { return fmt.Sprint(float64(r.IntN(100)) / 4) }},
	{arrow.PrimitiveTypes.Float32, func(r *rand.Rand) string { return fmt.Sprint(float32(r.NormFloat64())) }},
	{arrow.PrimitiveTypes.Float64, func(r *rand.Rand) string { return fmt.Sprint(r.NormFloat64() * 1e9) }},
	{arrow.BinaryTypes.String, words},
	{arrow.BinaryTypes.Binary, func(r *rand.Rand) string { return octets(r, r.IntN(20)) }},
	{&arrow.FixedSizeBinaryType{ByteWidth: 3}, func(r *rand.Rand) string { return octets(r, 3) }},
	{arrow.FixedWidthTypes.Date32, func(r *rand.Rand) string {
		return fmt.Sprintf("20%02d-%02d-%02d", r.IntN(100), 1+r.IntN(12), 1+r.IntN(28))
	}},
	{&arrow.TimestampType{Unit: arrow.Microsecond}, func(r *rand.Rand) string {
		return fmt.Sprintf("2024-%02d-%02d %02d:%02d:%02d.%06d", 1+r.IntN(12), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1000000))
	}},
	{arrow.FixedWidthTypes.Time64us, func(r *rand.Rand) string {
		return fmt.Sprintf("%02d:%02d:%02d.%06d", r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1000000))
	}},
	{&arrow.Decimal128Type{Precision: 20, Scale: 3}, func(r *rand.Rand) string { return fmt.Sprintf("%d.%03d", r.IntN(1e6), r.IntN(1000)) }},
	{arrow.ListOf(arrow.PrimitiveTypes.Int32), func(r *rand.Rand) string { return list(r, func() string { return strconv.Itoa(r.IntN(100)) }) }},
	{arrow.ListOf(arrow.BinaryTypes.String), func(r *rand.Rand) string { return list(r, func() string { return strconv.Quote(words(r)) }) }},
	{pair, pairText}, // the last two are not for version 2.0
	{arrow.ListOf(pair), func(r *rand.Rand) string { return list(r, func() string { return pairText(r) }) }},
}

// pair is a struct.
var pair = arrow.StructOf(
	arrow.Field{Name: "a", Type: arrow.BinaryTypes.String, Nullable: true}, arrow.Field{Name: "b", Type: arrow.PrimitiveTypes.Int32, Nullable: true})

func pairText(r *rand.Rand) string {
	a, b := strconv.Quote(words(r)), strconv.Itoa(r.IntN(1000))
	if r.IntN(6) == 0 {
		a = "null"
	}
	if r.IntN(6) == 0 {
		b = "null"
	}
	return `{"a":` + a + `,"b":` + b + `}`
}

func signed(bits int) func(*rand.Rand) string {
	return func(r *rand.Rand) string {
		return strconv.FormatInt(int64(r.Uint64()>>r.IntN(bits))<<(64-bits)>>(64-bits), 10)
	}
}

func unsigned(bits int) func(*rand.Rand) string {
	return func(r *rand.Rand) string { return strconv.FormatUint(r.Uint64()>>(64-bits)>>r.IntN(bits), 10) }
}

func octets(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return base64.StdEncoding.EncodeToString(b)
}

var vocabulary = strings.Fields("bright dark old new river stone wood größe été 川 river")

func words(r *rand.Rand) string {
	out := make([]string, r.IntN(6))
	for i := range out {
		out[i] = vocabulary[r.IntN(len(vocabulary))]
	}
	return strings.Join(out, " ")
}

func list(r *rand.Rand, item func() string) string {
	out := make([]string, r.IntN(4))
	for i := range out {
		if out[i] = item(); r.IntN(8) == 0 {
			out[i] = "null"
		}
	}
	return "[" + strings.Join(out, ",") + "]"
}

// randomTable makes a table up. number decides what all kinds of tables are to be seen of.
func randomTable(r *rand.Rand, number int) *made {
	m := &made{
		name: fmt.Sprintf("t%d", number), version: []string{"2.0", "2.1", "2.2"}[number%3], indexes: number%4 < 2, keys: 60, rows: map[string]values{},
	}
	var fields []arrow.Field
	keyTypes := []arrow.DataType{arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int64, arrow.PrimitiveTypes.Int32}
	m.key = []string{"k0", "k1"}[:1+(number/2)%2]
	for i, name := range m.key {
		fields = append(fields, arrow.Field{
			Name: name, Type: keyTypes[r.IntN(len(keyTypes))],
			Metadata: arrow.NewMetadata([]string{schema.KeyPrimaryKeyPosition}, []string{strconv.Itoa(i + 1)}),
		})
	}
	switch (number / 3) % 3 {
	case 0:
		m.spec = map[string]any{"specType": "bucket", "column": m.key[r.IntN(len(m.key))], "numBuckets": 3}
	case 1:
		m.spec = map[string]any{"specType": "identity", "column": "region"}
	default:
		m.spec = map[string]any{"specType": "unsharded"}
	}
	fields = append(fields, arrow.Field{Name: "region", Type: arrow.BinaryTypes.String})
	types := len(generators)
	if m.version == "2.0" {
		types -= 2
	}
	for i := range 2 + r.IntN(5) {
		fields = append(fields, arrow.Field{Name: fmt.Sprintf("c%d", i), Type: generators[r.IntN(types)].typ, Nullable: true})
	}
	fields = append(fields,
		arrow.Field{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true},
		arrow.Field{Name: "vector", Type: arrow.FixedSizeListOf(dim, arrow.PrimitiveTypes.Float32), Nullable: true})
	m.schema = arrow.NewSchema(fields, nil)
	return m
}

// row makes a row with the key of a number. The region follows from the key, so that a key stays in its shard.
func (m *made) row(r *rand.Rand, number int) values {
	out := make(values, m.schema.NumFields())
	for i, f := range m.schema.Fields() {
		switch {
		case f.Name == "k0" && len(m.key) == 2:
			out[i] = keyText(f.Type, number/5)
		case f.Name == "k0" || f.Name == "k1":
			out[i] = keyText(f.Type, number)
		case f.Name == "region":
			out[i] = []string{"eu", "us", "ασία"}[number%3]
		case f.Nullable && r.IntN(8) == 0:
			out[i] = null
		case f.Name == "vector":
			parts := make([]string, dim)
			for d := range parts {
				parts[d] = fmt.Sprint(float32(r.IntN(2000))/100 - 10)
			}
			out[i] = "[" + strings.Join(parts, ",") + "]"
		case f.Name == "text":
			out[i] = words(r) + " number" + strconv.Itoa(number)
		default:
			out[i] = generators[slices.IndexFunc(generators, func(g struct {
				typ  arrow.DataType
				make func(*rand.Rand) string
			},
			) bool {
				return arrow.TypeEqual(g.typ, f.Type)
			})].make(r)
		}
	}
	return out
}

func keyText(t arrow.DataType, number int) string {
	if t.ID() == arrow.STRING {
		return fmt.Sprintf("key-%d", number)
	}
	return strconv.Itoa(number*7 - 100)
}

// some makes rows with different keys.
func (m *made) some(r *rand.Rand, n int) []values {
	var out []values
	for _, k := range r.Perm(m.keys)[:n] {
		out = append(out, m.row(r, k))
	}
	return out
}

func (m *made) keyOf(v values) string { return strings.Join(v[:len(m.key)], "|") }

func (m *made) note(rows []values) {
	for _, v := range rows {
		m.rows[m.keyOf(v)] = v
	}
}

// batch makes Arrow rows of the columns of a schema; the caller releases them.
func (m *made) batch(t testing.TB, s *arrow.Schema, rows []values) arrow.RecordBatch {
	t.Helper()
	b := array.NewRecordBuilder(memory.DefaultAllocator, s)
	defer b.Release()
	for _, v := range rows {
		for i, f := range s.Fields() {
			text := v[m.schema.FieldIndices(f.Name)[0]]
			if text == null {
				b.Field(i).AppendNull()
			} else if err := b.Field(i).AppendValueFromString(text); err != nil {
				t.Fatalf("column %s of type %s: %q: %v", f.Name, f.Type, text, err)
			}
		}
	}
	return b.NewRecordBatch()
}

// change puts and deletes at random, and flushes now and then.
func (m *made) change(t testing.TB, r *rand.Rand, w *Writer) {
	t.Helper()
	for range 3 {
		rows := m.some(r, 5+r.IntN(20))
		b := m.batch(t, w.Schema(), rows)
		must(t, w.Put(t.Context(), b))
		b.Release()
		m.note(rows)
		gone := m.some(r, 1+r.IntN(5))
		columns := w.PrimaryKey()
		if c, byKey := w.ShardColumn(); !byKey {
			columns = append(columns, c)
		}
		var fs []arrow.Field
		for _, c := range columns {
			fs = append(fs, w.Schema().Field(w.Schema().FieldIndices(c)[0]))
		}
		keys := m.batch(t, arrow.NewSchema(fs, nil), gone)
		must(t, w.Delete(t.Context(), keys))
		keys.Release()
		for _, v := range gone {
			delete(m.rows, m.keyOf(v))
		}
		if r.IntN(3) == 0 {
			must(t, w.Flush(t.Context()))
		}
	}
}

// printed are rows as Arrow prints them, by key.
func (m *made) printed(t testing.TB, b arrow.RecordBatch, into map[string]string) {
	t.Helper()
	for row := range int(b.NumRows()) {
		var parts, key []string
		for i, f := range m.schema.Fields() {
			at := b.Schema().FieldIndices(f.Name)
			if len(at) != 1 {
				t.Fatalf("%s: no column %s", m.name, f.Name)
			}
			text := b.Column(at[0]).ValueStr(row)
			if i < len(m.key) {
				key = append(key, text)
			}
			parts = append(parts, f.Name+"="+text)
		}
		k := strings.Join(key, "|")
		if _, twice := into[k]; twice {
			t.Errorf("%s: key %s twice", m.name, k)
		}
		into[k] = strings.Join(parts, " ")
	}
}

// want is what printed makes of the rows that must be there and that keep lets pass.
func (m *made) want(t testing.TB, keep func(values) bool) map[string]string {
	t.Helper()
	var rows []values
	for _, v := range m.rows {
		if keep(v) {
			rows = append(rows, v)
		}
	}
	b := m.batch(t, m.schema, rows)
	defer b.Release()
	out := map[string]string{}
	m.printed(t, b, out)
	return out
}
