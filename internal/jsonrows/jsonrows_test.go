package jsonrows_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/internal/jsonrows"
	"github.com/hearthcache/hearth/lance/inspect/cat"
)

func field(name string, t arrow.DataType) arrow.Field {
	return arrow.Field{Name: name, Type: t, Nullable: true}
}

// everything has a column of each type that tables have.
var everything = arrow.NewSchema([]arrow.Field{
	{Name: "id", Type: arrow.BinaryTypes.String},
	field("bool", arrow.FixedWidthTypes.Boolean),
	field("int8", arrow.PrimitiveTypes.Int8), field("int16", arrow.PrimitiveTypes.Int16), field("int32", arrow.PrimitiveTypes.Int32),
	field("int64", arrow.PrimitiveTypes.Int64), field("uint8", arrow.PrimitiveTypes.Uint8), field("uint16", arrow.PrimitiveTypes.Uint16),
	field("uint32", arrow.PrimitiveTypes.Uint32), field("uint64", arrow.PrimitiveTypes.Uint64),
	field("float16", arrow.FixedWidthTypes.Float16), field("float32", arrow.PrimitiveTypes.Float32), field("float64", arrow.PrimitiveTypes.Float64),
	field("large_text", arrow.BinaryTypes.LargeString), field("binary", arrow.BinaryTypes.Binary), field("large_binary", arrow.BinaryTypes.LargeBinary),
	field("fixed", &arrow.FixedSizeBinaryType{ByteWidth: 3}),
	field("decimal", &arrow.Decimal128Type{Precision: 10, Scale: 2}), field("large_decimal", &arrow.Decimal256Type{Precision: 50, Scale: 0}),
	field("date", arrow.FixedWidthTypes.Date32), field("date64", arrow.FixedWidthTypes.Date64),
	field("time_s", arrow.FixedWidthTypes.Time32s), field("time_ns", arrow.FixedWidthTypes.Time64ns),
	field("at_us", &arrow.TimestampType{Unit: arrow.Microsecond}), field("at_ms_utc", &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "UTC"}),
	field("duration", arrow.FixedWidthTypes.Duration_ms),
	field("vector", arrow.FixedSizeListOf(3, arrow.PrimitiveTypes.Float32)),
	field("list", arrow.ListOf(arrow.BinaryTypes.String)), field("large_list", arrow.LargeListOf(arrow.PrimitiveTypes.Int32)),
	field("struct", arrow.StructOf(field("a", arrow.PrimitiveTypes.Int32), field("b", arrow.ListOf(arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int8))))),
	field("map", arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int32)),
	field("dictionary", &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}),
	field("null", arrow.Null),
}, nil)

// columns are some columns of everything.
func columns(t *testing.T, names ...string) *arrow.Schema {
	t.Helper()
	var fields []arrow.Field
	for _, name := range names {
		found, ok := everything.FieldsByName(name)
		if !ok {
			t.Fatal(name)
		}
		fields = append(fields, found...)
	}
	return arrow.NewSchema(fields, nil)
}

// through reads lines and writes the rows again.
func through(text string, schema *arrow.Schema, o jsonrows.Options) (out string, batches int, err error) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	o.Allocator = mem
	defer func() {
		if n := mem.CurrentAlloc(); n != 0 {
			err = fmt.Errorf("%d bytes leaked", n)
		}
	}()
	var b bytes.Buffer
	w, err := cat.NewWriter(&b, cat.JSON, schema)
	if err != nil {
		return "", 0, err
	}
	for rows, err2 := range jsonrows.Read(strings.NewReader(text), schema, o) {
		if err = err2; err != nil {
			break
		}
		err = errors.Join(array.ValidateRecordFull(rows), w.Write(rows))
		rows.Release()
		if err != nil {
			break
		}
		batches++
	}
	if closed := w.Close(); err == nil {
		err = closed
	}
	return b.String(), batches, err
}

func TestWhatIsPrintedIsReadBackAsItWas(t *testing.T) {
	lines := `{"id":"a","bool":true,"int8":-128,"int16":-32768,"int32":-2147483648,"int64":-9223372036854775808,"uint8":255,"uint16":65535,"uint32":4294967295,"uint64":18446744073709551615,"float16":0.5,"float32":0.25,"float64":1.5e-300,"large_text":"x\"\\\nü","binary":"AAH/","large_binary":"","fixed":"AQID","decimal":"-99999999.99","large_decimal":"12345678901234567890123456789012345678901234567890","date":"1969-12-31","date64":"2026-02-28","time_s":"23:59:59","time_ns":"00:00:00.000000001","at_us":"1969-12-31T23:59:59.999999","at_ms_utc":"2026-11-22T10:00:00.5Z","duration":-5,"vector":[1,-2.5,3],"list":["a",null,""],"large_list":[],"struct":{"a":1,"b":[[1,2],null,[3,null]]},"map":[{"key":"k","value":1},{"key":"l","value":null}],"dictionary":"red","null":null}
{"id":"","bool":false,"int8":null,"int16":null,"int32":null,"int64":null,"uint8":null,"uint16":null,"uint32":null,"uint64":null,"float16":"NaN","float32":"Infinity","float64":"-Infinity","large_text":null,"binary":null,"large_binary":null,"fixed":null,"decimal":null,"large_decimal":null,"date":null,"date64":null,"time_s":null,"time_ns":null,"at_us":null,"at_ms_utc":null,"duration":null,"vector":null,"list":null,"large_list":null,"struct":null,"map":null,"dictionary":"red","null":null}
`
	got, batches, err := through(lines, everything, jsonrows.Options{})
	if err != nil || batches != 1 {
		t.Fatalf("%d batches, %v", batches, err)
	}
	if diff := cmp.Diff(lines, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestValuesAreTakenInTheFormsThatPeopleType(t *testing.T) {
	for line, want := range map[string]string{
		`{"id":"a"}`: `{"id":"a","int64":null}`,
		` { "int64" : "12" , "id" : "a\u00e9" } `:                      `{"id":"aé","int64":12}`,
		"\r\n\n" + `{"id":"a","int64":-0}` + "\r\n":                    `{"id":"a","int64":0}`,
		`{"id":"a","decimal":1.5}`:                                     `{"id":"a","decimal":"1.50"}`,
		`{"id":"a","decimal":"7.1000"}`:                                `{"id":"a","decimal":"7.10"}`,
		`{"id":"a","time_ns":"03:04:05.12345678900"}`:                  `{"id":"a","time_ns":"03:04:05.123456789"}`,
		`{"id":"a","at_us":"2026-01-02 03:04:05"}`:                     `{"id":"a","at_us":"2026-01-02T03:04:05"}`,
		`{"id":"a","at_ms_utc":"2026-01-02T03:04:05.25+02:00"}`:        `{"id":"a","at_ms_utc":"2026-01-02T01:04:05.25Z"}`,
		`{"id":"a","float32":"0.5"}`:                                   `{"id":"a","float32":0.5}`,
		`{"id":"a","struct":{"b":[]}}`:                                 `{"id":"a","struct":{"a":null,"b":[]}}`,
		`{"id":"a","dictionary":null}`:                                 `{"id":"a","dictionary":null}`,
		`{"id":"a","map":[{"value":2,"key":"x"}]}`:                     `{"id":"a","map":[{"key":"x","value":2}]}`,
		`{"id":"a","list":[ "x" , "[,]{\"}" ],"dictionary":"}" }` + "": `{"id":"a","list":["x","[,]{\"}"],"dictionary":"}"}`,
	} {
		names := []string{"id"}
		for _, f := range everything.Fields() {
			if f.Name != "id" && strings.Contains(want, `"`+f.Name+`":`) {
				names = append(names, f.Name)
			}
		}
		got, _, err := through(line, columns(t, names...), jsonrows.Options{})
		if err != nil || strings.TrimSpace(got) != want {
			t.Errorf("%s: got %s, %v; want %s", line, got, err, want)
		}
	}
}

func TestWhatDoesNotFitIsNamedByLineAndField(t *testing.T) {
	for line, want := range map[string]string{
		`{"id":"a"`:                                             `line 2: not JSON: unexpected end of JSON input`,
		`["a"]`:                                                 `line 2: not a JSON object`,
		`{"id":"a"} {"id":"b"}`:                                 `line 2: not JSON: invalid character '{' after top-level value`,
		"{\"id\":\"\xff\"}":                                     `line 2: not UTF-8`,
		`{"bool":true}`:                                         `line 2, field id: missing, and may not be null`,
		`{"id":null}`:                                           `line 2, field id: may not be null`,
		`{"id":"a","id":"b"}`:                                   `line 2, field id: given twice`,
		`{"id":"a","what":1}`:                                   `line 2, field what: the table has no such column`,
		`{"id":7}`:                                              `line 2, field id: 7 is not text, as values of type utf8 are given`,
		`{"id":"a","bool":0}`:                                   `line 2, field bool: 0 is not true or false`,
		`{"id":"a","int8":128}`:                                 `line 2, field int8: 128 is not a whole number of type int8`,
		`{"id":"a","int64":1.0}`:                                `line 2, field int64: 1.0 is not a whole number of type int64`,
		`{"id":"a","int64":{"a":1}}`:                            `line 2, field int64: {"a":1} is not a whole number`,
		`{"id":"a","uint8":-1}`:                                 `line 2, field uint8: -1 is not a whole number of type uint8`,
		`{"id":"a","float32":1e39}`:                             `line 2, field float32: "1e39" is not a number of type float32`,
		`{"id":"a","float16":65520}`:                            `line 2, field float16: "65520" is not a number of type float16`,
		`{"id":"a","float64":"inf"}`:                            `line 2, field float64: "inf" is not a number of type float64`,
		`{"id":"a","binary":"%"}`:                               `line 2, field binary: "%" is not base64`,
		`{"id":"a","fixed":"AQI="}`:                             `line 2, field fixed: "AQI=" is not base64 of 3 bytes`,
		`{"id":"a","decimal":"1.005"}`:                          `line 2, field decimal: "1.005" is not a number of type decimal(10, 2)`,
		`{"id":"a","decimal":"1000000000.0"}`:                   `line 2, field decimal: "1000000000.0" is not a number of type decimal(10, 2)`,
		`{"id":"a","decimal":1e3}`:                              `line 2, field decimal: "1e3" is not a number of type decimal(10, 2)`,
		`{"id":"a","date":"2026-02-30"}`:                        `line 2, field date: "2026-02-30" is not a date such as 2026-01-02`,
		`{"id":"a","date":7}`:                                   `line 2, field date: 7 is not text, as values of type date32 are given`,
		`{"id":"a","time_s":"12:00:00.5"}`:                      `line 2, field time_s: "12:00:00.5" is not a whole number of s`,
		`{"id":"a","time_ns":"03:04:05.1234567891"}`:            `line 2, field time_ns: "03:04:05.1234567891" is not a whole number of ns`,
		`{"id":"a","time_ns":"03:04:05,0000000001"}`:            `line 2, field time_ns: "03:04:05,0000000001" is not a whole number of ns`,
		`{"id":"a","at_us":"2026-01-02T03:04:05Z"}`:             `line 2, field at_us: "2026-01-02T03:04:05Z" is not a time without zone such as 2026-01-02T15:04:05`,
		`{"id":"a","at_ms_utc":"2026-01-02T03:04:05"}`:          `line 2, field at_ms_utc: "2026-01-02T03:04:05" is not a time with zone such as 2026-01-02T15:04:05Z`,
		`{"id":"a","vector":[1,2]}`:                             `line 2, field vector: 2 elements, must be 3`,
		`{"id":"a","vector":[1,2,3,4]}`:                         `line 2, field vector: 4 elements, must be 3`,
		`{"id":"a","vector":[1,"x",3]}`:                         `line 2, field vector[1]: "x" is not a number of type float32`,
		`{"id":"a","vector":"x"}`:                               `line 2, field vector: "x" is not an array of 3 elements`,
		`{"id":"a","list":{}}`:                                  `line 2, field list: {} is not an array`,
		`{"id":"a","struct":{"b":[[1,2],[1,300]]}}`:             `line 2, field struct.b[1][1]: 300 is not a whole number of type int8`,
		`{"id":"a","struct":{"c":1}}`:                           `line 2, field struct.c: there is no such member`,
		`{"id":"a","struct":[]}`:                                `line 2, field struct: [] is not an object`,
		`{"id":"a","map":[{"key":"k"}]}`:                        `line 2, field map[0]: an entry has one "key" and one "value"`,
		`{"id":"a","map":[{"key":null,"value":1}]}`:             `line 2, field map[0].key: may not be null`,
		`{"id":"a","null":1}`:                                   `line 2, field null: 1 is not null`,
		`{"id":"a","int64":"` + strings.Repeat("9", 100) + `"}`: `line 2, field int64: ` + strings.Repeat("9", 40) + `... is not a whole number of type int64`,
		`{"id":"a","int64":[` + strings.Repeat("[", 60) + strings.Repeat("]", 60) + `]}`: `line 2, field int64: ` + strings.Repeat("[", 40) + `... is not a whole number`,
	} {
		got, _, err := through(`{"id":"first"}`+"\n"+line+"\n", everything, jsonrows.Options{BatchRows: 1})
		if err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", line, err, want)
		}
		if !strings.HasPrefix(got, `{"id":"first"`) {
			t.Errorf("%s: the batch in front of it was not handed over: %q", line, got)
		}
	}
}

func TestBatchesAreBoundedByRowsAndBytes(t *testing.T) {
	text := strings.Repeat(`{"id":"`+strings.Repeat("x", 100)+`"}`+"\n", 1000)
	for name, x := range map[string]struct {
		o    jsonrows.Options
		want int
	}{
		"by nothing": {jsonrows.Options{}, 1},
		"by rows":    {jsonrows.Options{BatchRows: 100}, 10},
		"by bytes":   {jsonrows.Options{BatchBytes: 109 * 250}, 4},
	} {
		if _, n, err := through(text, columns(t, "id"), x.o); err != nil || n != x.want {
			t.Errorf("%s: %d batches, %v; want %d", name, n, err, x.want)
		}
	}
	var reserved int64
	reserve := func(n int64) error {
		if reserved += n; reserved > 4<<20 {
			return errors.New("full")
		}
		return nil
	}
	// A line of twelve bytes is a vector of nulls.
	schema := arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.BinaryTypes.String}, field("v", arrow.FixedSizeListOf(10_000, arrow.PrimitiveTypes.Float64))}, nil)
	_, _, err := through(strings.Repeat(`{"id":"x"}`+"\n", 10_000), schema, jsonrows.Options{BatchBytes: math.MaxInt64, Reserve: reserve})
	if err == nil || err.Error() != "full" || reserved > 5<<20 {
		t.Errorf("%d bytes were reserved, %v", reserved, err)
	}
	deep := arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.BinaryTypes.String}, field("l", arrow.ListOf(schema.Field(1).Type))}, nil)
	for name, line := range map[string]string{
		"nulls that are large": `{"id":"x","l":[` + strings.Repeat("null,", 1000) + "null]}",
		"a long line":          `{"id":"` + strings.Repeat("x", 2<<20) + `"}`,
	} {
		if _, _, err := through(line, deep, jsonrows.Options{MaxLineBytes: 1 << 20}); !errors.Is(err, jsonrows.ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := errors.New("broken")
	for _, err := range jsonrows.Read(io.MultiReader(strings.NewReader(`{"id":`), failing{broken}), columns(t, "id"), jsonrows.Options{}) {
		if !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestBareValuesStandForTheColumns(t *testing.T) {
	got, _, err := through("\"a\"\n[\"b\"]\n{\"id\":\"c\"}", columns(t, "id"), jsonrows.Options{Bare: true})
	if err != nil || got != `{"id":"a"}`+"\n"+`{"id":"b"}`+"\n"+`{"id":"c"}`+"\n" {
		t.Errorf("got %s, %v", got, err)
	}
	two := columns(t, "id", "int64")
	got, _, err = through(`["a", 1]`, two, jsonrows.Options{Bare: true})
	if err != nil || got != `{"id":"a","int64":1}`+"\n" {
		t.Errorf("got %s, %v", got, err)
	}
	for line, want := range map[string]string{
		`["a"]`:        "line 1: 1 values for 2 columns",
		`["a",1,[2]]`:  "line 1: 3 values for 2 columns",
		`"a"`:          "line 1: neither an object nor an array of 2 values",
		`["a","x"]`:    "line 1, field int64: x is not a whole number of type int64",
		`[]`:           "line 1: 0 values for 2 columns",
		`[null,1]`:     "line 1, field id: may not be null",
		`{"int64": 1}`: "line 1, field id: missing, and may not be null",
	} {
		if _, _, err := through(line, two, jsonrows.Options{Bare: true}); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", line, err, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(`{"id":"a","struct":{"a":1,"b":[[1,2],null]},"map":[{"key":"k","value":1}],"vector":[1,2,3]}`, false)
	f.Add(`["a",true]`, true)
	f.Add(`{"id":"\ud800","decimal":"-.5","at_us":"2026-01-02T03:04:05.999999"}`, false)
	f.Fuzz(func(t *testing.T, text string, bare bool) {
		out, _, err := through(text, everything, jsonrows.Options{Bare: bare, MaxLineBytes: 1 << 16})
		if err != nil {
			return
		}
		again, _, err := through(out, everything, jsonrows.Options{})
		if err != nil || again != out {
			t.Errorf("%q\nbecame %q\nand then %q, %v", text, out, again, err)
		}
	})
}

func Example() {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.BinaryTypes.String},
		{Name: "vector", Type: arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Float32), Nullable: true},
	}, nil)
	lines := strings.NewReader(`{"id": "a", "vector": [0.5, 1]}
{"id": "b", "vector": [1]}`)
	for rows, err := range jsonrows.Read(lines, schema, jsonrows.Options{BatchRows: 1}) {
		if err != nil {
			fmt.Println(err)
			break
		}
		fmt.Println(rows.NumRows(), rows.Column(1))
		rows.Release()
	}
	// Output:
	// 1 [[0.5 1]]
	// line 2, field vector: 1 elements, must be 2
}
