// Package randtable makes random Arrow tables of the types and shapes that Lance encodes differently: constant, sorted,
// repeating, sparse, of few or many distinct values, short and long, nested, with and without nulls. Tests only.
package randtable

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/decimal256"
	"github.com/apache/arrow-go/v18/arrow/float16"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Shape is how the values of a column are drawn.
type Shape int

// The shapes.
const (
	Random Shape = iota
	Small
	Sorted
	Constant
	Runs
	Few
	Long
	NumShapes
)

func (s Shape) String() string {
	return [...]string{"random", "small", "sorted", "constant", "runs", "few", "long"}[s]
}

// Types are the leaf types to draw from.
func Types() []arrow.DataType {
	return []arrow.DataType{
		arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int16, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64,
		arrow.PrimitiveTypes.Uint8, arrow.PrimitiveTypes.Uint16, arrow.PrimitiveTypes.Uint32, arrow.PrimitiveTypes.Uint64,
		arrow.FixedWidthTypes.Float16, arrow.PrimitiveTypes.Float32, arrow.PrimitiveTypes.Float64,
		arrow.FixedWidthTypes.Boolean, arrow.BinaryTypes.String, arrow.BinaryTypes.Binary,
		arrow.BinaryTypes.LargeString, arrow.BinaryTypes.LargeBinary,
		arrow.FixedWidthTypes.Date32, arrow.FixedWidthTypes.Date64,
		arrow.FixedWidthTypes.Time32s, arrow.FixedWidthTypes.Time32ms, arrow.FixedWidthTypes.Time64us, arrow.FixedWidthTypes.Time64ns,
		&arrow.TimestampType{Unit: arrow.Microsecond}, &arrow.TimestampType{Unit: arrow.Nanosecond, TimeZone: "UTC"},
		arrow.FixedWidthTypes.Timestamp_s, &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "Europe/Berlin"},
		arrow.FixedWidthTypes.Duration_s, arrow.FixedWidthTypes.Duration_ms, arrow.FixedWidthTypes.Duration_ns,
		&arrow.Decimal128Type{Precision: 38, Scale: 4}, &arrow.Decimal256Type{Precision: 60, Scale: 10},
		&arrow.FixedSizeBinaryType{ByteWidth: 5}, &arrow.FixedSizeBinaryType{ByteWidth: 16},
		arrow.FixedSizeListOf(4, arrow.PrimitiveTypes.Float32), arrow.FixedSizeListOf(96, arrow.PrimitiveTypes.Float32),
		arrow.FixedSizeListOf(16, arrow.PrimitiveTypes.Uint8),
		arrow.FixedSizeListOf(9, arrow.FixedWidthTypes.Boolean),
		arrow.FixedSizeListOf(2, arrow.FixedSizeListOf(3, arrow.PrimitiveTypes.Int16)),
	}
}

// RareTypes are types that LanceDB's client often refuses in what it is given. There is no dictionary with 8-bit indices: LanceDB
// itself fails where the dictionaries of several batches have more than 256 items together.
func RareTypes() []arrow.DataType {
	return []arrow.DataType{
		arrow.Null,
		&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String},
		&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int16, ValueType: arrow.PrimitiveTypes.Int64},
		&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Uint16, ValueType: arrow.BinaryTypes.String},
		arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int32),
	}
}

// Hints are metadata that make Lance choose encodings it would not choose by itself.
func Hints(r *rand.Rand) map[string]string {
	m := map[string]string{}
	pick := func(key string, values ...string) {
		if r.IntN(2) == 0 {
			m["lance-encoding:"+key] = values[r.IntN(len(values))]
		}
	}
	pick("compression", "lz4", "zstd", "fsst", "none")
	pick("structural-encoding", "miniblock", "fullzip")
	pick("bss", "on", "auto", "off")
	pick("rle-threshold", "0.01", "0.5", "1.0")
	pick("dict-divisor", "1", "2", "1000")
	return m
}

// Type draws a type nested at most depth deep.
func Type(r *rand.Rand, depth int) arrow.DataType {
	if depth > 0 {
		switch r.IntN(6) {
		case 0, 1:
			item := arrow.Field{Name: "item", Type: Type(r, depth-1), Nullable: r.IntN(4) > 0}
			if r.IntN(6) == 0 {
				return arrow.LargeListOfField(item)
			}
			return arrow.ListOfField(item)
		case 2, 3:
			n := 1 + r.IntN(3)
			fs := make([]arrow.Field, n)
			for i := range fs {
				fs[i] = arrow.Field{Name: fmt.Sprintf("m%d", i), Type: Type(r, depth-1), Nullable: r.IntN(4) > 0}
			}
			return arrow.StructOf(fs...)
		}
	}
	all := Types()
	if r.IntN(20) == 0 {
		all = RareTypes()
	}
	return all[r.IntN(len(all))]
}

// Column says how to draw a column.
type Column struct {
	Type  arrow.DataType
	Shape Shape
	// Nulls is the share of nulls at every level that may have them, 0 to 1.
	Nulls float64
	// Required says that the column itself may have none, FullStructs that no struct may be null.
	Required, FullStructs bool
	// ItemNulls is the share of nulls among the items of fixed-size lists.
	ItemNulls float64
	// Metadata of the field; Lance takes hints about encodings from it.
	Metadata map[string]string
}

// Fill appends n values of the column to b, whose type is the column's.
func (c Column) Fill(r *rand.Rand, b array.Builder, n int) {
	g := &gen{r: r, c: c}
	for range n {
		g.one(b, c.Type, !c.Required, 0)
	}
}

type gen struct {
	r    *rand.Rand
	c    Column
	seq  int64
	last uint64
	left int
}

// bits draws the raw value that scalars are made of.
func (g *gen) bits() uint64 {
	switch g.c.Shape {
	case Small:
		return uint64(g.r.IntN(100))
	case Sorted:
		g.seq += int64(g.r.IntN(3))
		return uint64(g.seq)
	case Constant:
		return 7
	case Runs:
		if g.left == 0 {
			g.left = 1 + g.r.IntN(400)
			g.last = g.r.Uint64()
		}
		g.left--
		return g.last
	case Few:
		return uint64(g.r.IntN(7)) * 0x9e3779b97f4a7c15
	}
	return g.r.Uint64()
}

func (g *gen) bytes() []byte {
	x := g.bits()
	n := int(x % 13)
	switch g.c.Shape {
	case Long:
		n = g.r.IntN(700)
	case Few, Runs, Constant:
		n = 3 + int(x%9)
	}
	s := fmt.Sprintf("value %d ", x)
	return []byte(strings.Repeat(s, n/len(s)+1)[:n])
}

func (g *gen) one(b array.Builder, t arrow.DataType, nullable bool, depth int) {
	if t.ID() == arrow.STRUCT && g.c.FullStructs {
		nullable = false
	}
	if nullable && g.r.Float64() < g.c.Nulls {
		b.AppendNull()
		return
	}
	switch b := b.(type) {
	case *array.Int8Builder:
		b.Append(int8(g.bits()))
	case *array.Int16Builder:
		b.Append(int16(g.bits()))
	case *array.Int32Builder:
		b.Append(int32(g.bits()))
	case *array.Int64Builder:
		b.Append(int64(g.bits()))
	case *array.Uint8Builder:
		b.Append(uint8(g.bits()))
	case *array.Uint16Builder:
		b.Append(uint16(g.bits()))
	case *array.Uint32Builder:
		b.Append(uint32(g.bits()))
	case *array.Uint64Builder:
		b.Append(g.bits())
	case *array.Float16Builder:
		b.Append(float16.New(float32(g.bits()%1000) / 8))
	case *array.Float32Builder:
		b.Append(math.Float32frombits(uint32(g.bits()) & 0xbfffffff))
	case *array.Float64Builder:
		b.Append(math.Float64frombits(g.bits() & 0xbfffffffffffffff))
	case *array.BooleanBuilder:
		b.Append(g.bits()>>3&1 == 1)
	case *array.StringBuilder:
		b.Append(string(g.bytes()))
	case *array.LargeStringBuilder:
		b.Append(string(g.bytes()))
	case *array.BinaryBuilder:
		b.Append(g.bytes())
	case *array.Date32Builder:
		b.Append(arrow.Date32(g.bits() % 40000))
	case *array.Date64Builder:
		b.Append(arrow.Date64(g.bits() % 40000 * 86400000))
	case *array.Time32Builder:
		b.Append(arrow.Time32(g.bits() % 86400))
	case *array.Time64Builder:
		b.Append(arrow.Time64(g.bits() % 86400000000))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(g.bits() % (1 << 50)))
	case *array.DurationBuilder:
		b.Append(arrow.Duration(g.bits() % (1 << 50)))
	case *array.Decimal128Builder:
		b.Append(decimal128.New(int64(g.bits()), g.bits()))
	case *array.Decimal256Builder:
		b.Append(decimal256.New(0, g.bits()>>1, g.bits(), g.bits()))
	case *array.FixedSizeBinaryBuilder:
		v := make([]byte, t.(*arrow.FixedSizeBinaryType).ByteWidth)
		x := g.bits()
		for i := range v {
			v[i] = byte(x >> (8 * (i % 8)))
		}
		b.Append(v)
	case *array.FixedSizeListBuilder:
		b.Append(true)
		ft := t.(*arrow.FixedSizeListType)
		items := *g
		items.c.Nulls = g.c.ItemNulls
		for range int(ft.Len()) {
			items.one(b.ValueBuilder(), ft.Elem(), ft.ElemField().Nullable, depth+1)
		}
		g.seq, g.last, g.left = items.seq, items.last, items.left
	case *array.ListBuilder:
		b.Append(true)
		g.items(b, t.(*arrow.ListType).ElemField(), depth)
	case *array.LargeListBuilder:
		b.Append(true)
		g.items(b, t.(*arrow.LargeListType).ElemField(), depth)
	case *array.NullBuilder:
		b.AppendNull()
	case *array.BinaryDictionaryBuilder:
		_ = b.AppendString(fmt.Sprint("item ", g.bits()%200))
	case *array.Int64DictionaryBuilder:
		_ = b.Append(int64(g.bits() % 40))
	case *array.MapBuilder:
		b.Append(true)
		for i := range g.r.IntN(4) {
			b.KeyBuilder().(*array.StringBuilder).Append(fmt.Sprintf("%d %s", i, g.bytes()))
			g.one(b.ItemBuilder(), arrow.PrimitiveTypes.Int32, true, depth+1)
		}
	case *array.StructBuilder:
		b.Append(true)
		for i := range b.NumField() {
			f := t.(*arrow.StructType).Field(i)
			g.one(b.FieldBuilder(i), f.Type, f.Nullable, depth+1)
		}
	default:
		panic(fmt.Sprintf("no values for %s", t))
	}
}

// items appends the items of a list.
func (g *gen) items(b array.ListLikeBuilder, item arrow.Field, depth int) {
	n := g.r.IntN(5)
	if g.r.IntN(200) == 0 {
		n = g.r.IntN(1500)
	}
	for range n >> (2 * depth) {
		g.one(b.ValueBuilder(), item.Type, item.Nullable, depth+1)
	}
}

// Table draws a batch with a column "rid" of rising numbers from first on and one column for each of cols.
func Table(r *rand.Rand, cols []Column, first, rows int) arrow.RecordBatch {
	fs := []arrow.Field{{Name: "rid", Type: arrow.PrimitiveTypes.Int64}}
	for i, c := range cols {
		fs = append(fs, arrow.Field{Name: fmt.Sprintf("c%d", i), Type: c.Type, Nullable: !c.Required, Metadata: arrow.MetadataFrom(c.Metadata)})
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fs, nil))
	defer b.Release()
	for i := range rows {
		b.Field(0).(*array.Int64Builder).Append(int64(first + i))
	}
	for i, c := range cols {
		c.Fill(r, b.Field(i+1), rows)
	}
	return b.NewRecordBatch()
}
