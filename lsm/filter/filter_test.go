package filter

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/internal/seedtest"
)

var schema = arrow.NewSchema([]arrow.Field{
	{Name: "i", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
	{Name: "u", Type: arrow.PrimitiveTypes.Uint64, Nullable: true},
	{Name: "f", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
	{Name: "g", Type: arrow.PrimitiveTypes.Float32, Nullable: true},
	{Name: "b", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
	{Name: "s", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "d", Type: arrow.FixedWidthTypes.Date32, Nullable: true},
	{Name: "two words", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	{Name: "list", Type: arrow.ListOf(arrow.PrimitiveTypes.Int8), Nullable: true},
}, nil)

func batch(t testing.TB, r *rand.Rand, rows int) arrow.RecordBatch {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	b := array.NewRecordBuilder(mem, schema)
	defer b.Release()
	floats := []float64{0, math.Copysign(0, -1), 1.5, -3, math.NaN(), math.Inf(1), math.Inf(-1), 0.1, 7}
	for range rows {
		for c := range schema.NumFields() {
			if r.IntN(6) == 0 {
				b.Field(c).AppendNull()
				continue
			}
			switch b := b.Field(c).(type) {
			case *array.Int32Builder:
				b.Append(int32(r.IntN(20) - 10))
			case *array.Int64Builder:
				b.Append(int64(r.IntN(20) - 10))
			case *array.Uint64Builder:
				b.Append([]uint64{0, 1, 7, math.MaxInt64, math.MaxInt64 + 1, math.MaxUint64}[r.IntN(6)])
			case *array.Float64Builder:
				b.Append(floats[r.IntN(len(floats))])
			case *array.Float32Builder:
				b.Append(float32(floats[r.IntN(len(floats))]))
			case *array.BooleanBuilder:
				b.Append(r.IntN(2) == 0)
			case *array.StringBuilder:
				b.Append([]string{"", "a", "ab", "abc", "b", "a%c", "ünï", "it's", "\xff\xff"}[r.IntN(8)])
			case *array.Date32Builder:
				b.Append(arrow.Date32(r.IntN(5) + 19000))
			case *array.ListBuilder:
				b.Append(true)
			}
		}
	}
	rec := b.NewRecordBatch()
	t.Cleanup(func() {
		rec.Release()
		mem.AssertSize(t, 0)
	})
	return rec
}

// naive answers for one row, value by value.
func naive(t testing.TB, e Expr, b arrow.RecordBatch, row int) State {
	t.Helper()
	column := func(c Column) (arrow.Array, bool) {
		arr := b.Column(b.Schema().FieldIndices(c.Name)[0])
		return arr, arr.IsNull(row)
	}
	truth := func(v bool) State {
		if v {
			return True
		}
		return False
	}
	negate := func(s State, not bool) State {
		if not {
			return s.not()
		}
		return s
	}
	compare := func(c Column, op Op, l Literal) State {
		arr, null := column(c)
		if null || l.Kind == Null {
			return Unknown
		}
		o := order(t, arr, row, l)
		return truth([]bool{o == 0, o != 0, o < 0, o <= 0, o > 0, o >= 0}[op])
	}
	switch e := e.(type) {
	case And:
		s := True
		for _, x := range e.Of {
			s = min(s, naive(t, x, b, row))
		}
		return s
	case Or:
		s := False
		for _, x := range e.Of {
			s = max(s, naive(t, x, b, row))
		}
		return s
	case Not:
		return naive(t, e.Of, b, row).not()
	case Constant:
		return truth(e.True)
	case Column:
		return compare(e, Eq, Literal{Kind: Bool, Bool: true})
	case Compare:
		return compare(e.Column, e.Op, e.With)
	case In:
		s := False
		for _, v := range e.Values {
			s = max(s, compare(e.Column, Eq, v))
		}
		return negate(s, e.Not)
	case Between:
		return negate(min(compare(e.Column, Ge, e.Low), compare(e.Column, Le, e.High)), e.Not)
	case IsNull:
		_, null := column(e.Column)
		return negate(truth(null), e.Not)
	case Like:
		arr, null := column(e.Column)
		if null {
			return Unknown
		}
		var p strings.Builder
		for i, rs := 0, []rune(e.Pattern); i < len(rs); i++ {
			switch {
			case rs[i] == '\\' && i+1 < len(rs):
				i++
				p.WriteString(regexp.QuoteMeta(string(rs[i])))
			case rs[i] == '%':
				p.WriteString("(?s:.*)")
			case rs[i] == '_':
				p.WriteString("(?s:.)")
			default:
				p.WriteString(regexp.QuoteMeta(string(rs[i])))
			}
		}
		return negate(truth(regexp.MustCompile("^(?:"+p.String()+")$").MatchString(arr.(*array.String).Value(row))), e.Not)
	}
	t.Fatalf("%T", e)
	return False
}

// order compares a value with a literal.
func order(t testing.TB, arr arrow.Array, row int, l Literal) int {
	t.Helper()
	var v *big.Float
	switch a := arr.(type) {
	case *array.String:
		return strings.Compare(a.Value(row), l.Text)
	case *array.Boolean:
		n := func(b bool) int {
			if b {
				return 1
			}
			return 0
		}
		return n(a.Value(row)) - n(l.Bool)
	case *array.Date32:
		when, err := time.Parse(time.DateOnly, l.Text)
		if err != nil {
			t.Fatal(err)
		}
		return int(int64(a.Value(row)) - when.Unix()/86400)
	case *array.Int32:
		v = big.NewFloat(float64(a.Value(row)))
	case *array.Int64:
		v = new(big.Float).SetInt64(a.Value(row))
	case *array.Uint64:
		v = new(big.Float).SetUint64(a.Value(row))
	case *array.Float64:
		if math.IsNaN(a.Value(row)) {
			return 1
		}
		v = big.NewFloat(a.Value(row))
	case *array.Float32:
		if math.IsNaN(float64(a.Value(row))) {
			return 1
		}
		v = big.NewFloat(float64(a.Value(row)))
	}
	switch l.Kind {
	case Int:
		return v.Cmp(new(big.Float).SetInt64(l.Int))
	case Uint:
		return v.Cmp(new(big.Float).SetUint64(l.Uint))
	default:
		return v.Cmp(big.NewFloat(l.Float))
	}
}

// random makes a filter.
func random(r *rand.Rand, depth int) string {
	if depth > 0 && r.IntN(3) > 0 {
		switch r.IntN(3) {
		case 0:
			return "NOT (" + random(r, depth-1) + ")"
		case 1:
			return "(" + random(r, depth-1) + " AND " + random(r, depth-1) + ")"
		default:
			return "(" + random(r, depth-1) + " OR " + random(r, depth-1) + ")"
		}
	}
	column := []string{"i", "u", "f", "g", "b", "s", "d", "\"two words\"", "`list`"}[r.IntN(9)]
	value := func() string {
		if r.IntN(10) == 0 {
			return "NULL"
		}
		switch column {
		case "b":
			return []string{"TRUE", "false"}[r.IntN(2)]
		case "s":
			return []string{"''", "'a'", "'abc'", "'it''s'", "'ü'", "'zzz'"}[r.IntN(6)]
		case "d":
			return []string{"'2022-01-08'", "'2022-01-10'", "'1969-12-31'"}[r.IntN(3)]
		}
		return []string{"0", "7", "-3", "1.5", "0.1", "1e3", "-2.5", "9223372036854775807", "9223372036854775808", "18446744073709551615", "1e300", "-1e300", "-0.0"}[r.IntN(13)]
	}
	not := []string{"", "NOT "}[r.IntN(2)]
	switch k := r.IntN(7); {
	case column == "`list`" || k == 0:
		return column + " IS " + not + "NULL"
	case column == "s" && k < 3:
		return "s " + not + "LIKE " + []string{"'a%'", "'%'", "'a_c'", "'%b%'", "'abc'", "'a\\%c'", "'_n_'", "'%c'", "'a%c%'"}[r.IntN(9)]
	case column == "b" && k < 3:
		return "b"
	case k == 3:
		return column + " " + not + "IN (" + value() + ", " + value() + ", " + value() + ")"
	case k == 4:
		return column + " " + not + "BETWEEN " + value() + " AND " + value()
	case k == 5 && column != "s" && column != "d" && column != "b":
		return value() + " <= " + column
	}
	return column + " " + []string{"=", "!=", "<>", "<", "<=", ">", ">="}[r.IntN(7)] + " " + value()
}

func TestRandomFiltersAnswerLikeAnEvaluationValueByValue(t *testing.T) {
	seed := seedtest.Seed(t)
	r := rand.New(rand.NewPCG(seed, 2))
	b := batch(t, r, 300)
	for range 3000 {
		text := random(r, 3)
		e, err := Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		again, err := Parse(e.String())
		if err != nil || again.String() != e.String() {
			t.Fatalf("%s becomes %s, and that %v, %v", text, e, again, err)
		}
		p, err := Bind(again, schema)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		got, err := p.Eval(b, nil)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		for row, s := range got {
			if want := naive(t, e, b, row); s != want {
				t.Fatalf("%s: row %d is %d, want %d", text, row, s, want)
			}
		}
	}
}

func TestErrorsSayWhatIsWrongAndWhere(t *testing.T) {
	for text, want := range map[string]struct {
		kind   error
		offset int
		says   string
	}{
		"":                        {ErrSyntax, 0, "found the end"},
		"i =":                     {ErrSyntax, 3, "found the end"},
		"i = 1 AND":               {ErrSyntax, 9, "found the end"},
		"i = 1 2":                 {ErrSyntax, 6, "expected AND, OR or the end"},
		"(i = 1":                  {ErrSyntax, 6, `expected ")"`},
		"i ~ 1":                   {ErrSyntax, 2, "no meaning"},
		"i = 'abc":                {ErrSyntax, 4, "not closed"},
		"i = i":                   {ErrSyntax, 4, "two columns"},
		"1 = 1":                   {ErrSyntax, 4, "expected a column"},
		"i IN ()":                 {ErrSyntax, 6, "expected a value"},
		"i IN (1":                 {ErrSyntax, 7, "comma"},
		"i BETWEEN 1 OR 2":        {ErrSyntax, 12, "expected AND"},
		"s LIKE 1":                {ErrSyntax, 7, "pattern"},
		"i IS 1":                  {ErrSyntax, 5, "expected NULL"},
		"i NOT 1":                 {ErrSyntax, 6, "IN, BETWEEN or LIKE"},
		"i = 12ab":                {ErrSyntax, 4, "no number"},
		"i = --1":                 {ErrSyntax, 4, "found"},
		strings.Repeat("(", 5000): {ErrSyntax, 201, "nested"},
		"i = \xff":                {ErrSyntax, 4, "UTF-8"},
		"i = 1 AND nope > 2":      {ErrColumn, 10, "two words"},
		"i = 'x'":                 {ErrType, 4, "int32"},
		"s > 3":                   {ErrType, 4, "utf8"},
		"list = 3":                {ErrType, 7, "IS NULL"},
		"i LIKE 'a'":              {ErrType, 0, "LIKE"},
		"d = 'tomorrow'":          {ErrType, 4, "date32"},
		"NOT i":                   {ErrType, 4, "int32"},
		"b = 1":                   {ErrType, 4, "bool"},
	} {
		e, err := Parse(text)
		if err == nil {
			_, err = Bind(e, schema)
		}
		var fe *Error
		if !errors.As(err, &fe) || !errors.Is(err, want.kind) || fe.Offset != want.offset || !strings.Contains(err.Error(), want.says) {
			t.Errorf("%.40q: got %v, want %v at %d with %q", text, err, want.kind, want.offset, want.says)
		}
	}
}

func TestPointsAreTheOnlyValuesThatCanPass(t *testing.T) {
	for text, want := range map[string]string{
		"i = 3":                         "[3] true",
		"i IN (5, 3, 4)":                "[3 4 5] true",
		"s = 'x' AND i = 3":             "[3] true",
		"i = 3 OR i = 4":                "[] false",
		"NOT (i <> 3)":                  "[3] true",
		"i > 3":                         "[] false",
		"i = 1.5":                       "[] true",
		"i = 3 AND NOT i IS NULL":       "[3] true",
		"i BETWEEN 1 AND 3":             "[1 2 3] true",
		"i NOT IN (1)":                  "[] false",
		"i IS NULL":                     "[] false",
		"i IN (3, NULL)":                "[3] true",
		"i BETWEEN -2000000 AND 200000": "[] false",
	} {
		e, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Bind(e, schema)
		if err != nil {
			t.Fatal(err)
		}
		v, ok := p.Points("i")
		if got := fmt.Sprint(v, " ", ok); strings.ReplaceAll(got, "  ", " ") != want && fmt.Sprintf("%v %v", v, ok) != want {
			t.Errorf("%s: got %v %v, want %s", text, v, ok, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		f.Add(random(r, 3))
	}
	for _, s := range []string{"", "((((", "i = 1e999", "s LIKE '\\'", "\"\" = 1", "NOT NOT b"} {
		f.Add(s)
	}
	b := batch(f, r, 20)
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(e.String())
		if err != nil || again.String() != e.String() {
			t.Fatalf("%q becomes %q, and that %v, %v", text, e, again, err)
		}
		p, err := Bind(e, schema)
		if err != nil {
			return
		}
		if _, err := p.Eval(b, nil); err != nil {
			t.Fatal(err)
		}
		p.Root()
	})
}
