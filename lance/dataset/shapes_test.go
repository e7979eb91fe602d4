package dataset_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/internal/randtable"
)

// shape is a column that is not drawn, because it must be just so.
type shape struct {
	name     string
	field    arrow.Field
	rows     int
	fill     func(b array.Builder, i int)
	versions []string // none means all
}

func shapes() []shape {
	list := func(item arrow.DataType) arrow.DataType { return arrow.ListOf(item) }
	long := strings.Repeat("0123456789abcdef", 1<<16)
	hint := func(v string) arrow.Metadata {
		return arrow.MetadataFrom(map[string]string{"lance-encoding:compression": v})
	}
	number := func(b array.Builder, i int) { b.(*array.Int64Builder).Append(7) }
	ints := func(b array.Builder, n int) {
		b.(*array.ListBuilder).Append(true)
		for k := range n {
			b.(*array.ListBuilder).ValueBuilder().(*array.Int32Builder).Append(int32(k))
		}
	}
	return []shape{
		{name: "very many empty lists in a row", field: arrow.Field{Type: list(arrow.PrimitiveTypes.Int32)}, rows: 30000, fill: func(b array.Builder, i int) {
			switch {
			case i < 10 || i > 29900:
				ints(b, 3)
			case i%1000 == 5:
				b.AppendNull()
			default:
				ints(b, 0)
			}
		}},
		{name: "one very long list between short ones", field: arrow.Field{Type: list(arrow.PrimitiveTypes.Int32)}, rows: 100, fill: func(b array.Builder, i int) {
			if i == 50 {
				ints(b, 200000)
			} else {
				ints(b, i%3)
			}
		}},
		{name: "lists of texts over several pages", field: arrow.Field{Type: list(arrow.BinaryTypes.String)}, rows: 30000, fill: func(b array.Builder, i int) {
			if i%17 == 3 {
				b.AppendNull()
				return
			}
			l := b.(*array.ListBuilder)
			l.Append(true)
			for k := range i % 5 {
				if (i+k)%11 == 0 {
					l.ValueBuilder().AppendNull()
				} else {
					l.ValueBuilder().(*array.StringBuilder).Append(long[i%100 : i%100+(i*7+k)%700])
				}
			}
		}},
		{name: "texts of a megabyte among short ones", field: arrow.Field{Type: arrow.BinaryTypes.String}, rows: 400, fill: func(b array.Builder, i int) {
			switch {
			case i%40 == 7:
				b.(*array.StringBuilder).Append(long[i:])
			case i%9 == 0:
				b.AppendNull()
			default:
				b.(*array.StringBuilder).Append(long[:i%30])
			}
		}},
		{name: "one number with lz4", field: arrow.Field{Type: arrow.PrimitiveTypes.Int64, Metadata: hint("lz4")}, rows: 300000, fill: number},
		{name: "one number with zstd", field: arrow.Field{Type: arrow.PrimitiveTypes.Int64, Metadata: hint("zstd")}, rows: 300000, fill: number},
		{name: "structs without members", field: arrow.Field{Type: arrow.StructOf()}, rows: 10, fill: func(b array.Builder, _ int) { b.(*array.StructBuilder).Append(true) }},
		{name: "nothing but nulls in structs in lists", versions: []string{"2.1", "2.2"}, field: arrow.Field{
			Type: list(arrow.StructOf(arrow.Field{Name: "a", Type: list(arrow.PrimitiveTypes.Int8), Nullable: true})),
		}, rows: 3000, fill: func(b array.Builder, i int) {
			l := b.(*array.ListBuilder)
			switch i % 4 {
			case 0:
				l.AppendNull()
			case 1:
				l.Append(true)
			default:
				l.Append(true)
				l.ValueBuilder().AppendNull()
				s := l.ValueBuilder().(*array.StructBuilder)
				s.Append(true)
				s.FieldBuilder(0).AppendNull()
				s.Append(true)
				s.FieldBuilder(0).(*array.ListBuilder).Append(true)
			}
		}},
		{name: "wide vectors, some null", field: arrow.Field{Type: arrow.FixedSizeListOf(700, arrow.PrimitiveTypes.Float32)}, rows: 3000, fill: func(b array.Builder, i int) {
			if i%5 == 4 {
				b.AppendNull()
				return
			}
			l := b.(*array.FixedSizeListBuilder)
			l.Append(true)
			for k := range 700 {
				if i == 17 && k == 3 {
					l.ValueBuilder().AppendNull()
				} else {
					l.ValueBuilder().(*array.Float32Builder).Append(float32(i*k) / 8)
				}
			}
		}},
	}
}

func TestShapesReadAsLanceDBReadsThem(t *testing.T) {
	nodeModules(t)
	dir := t.TempDir()
	var specs []spec
	for i, s := range shapes() {
		f := s.field
		f.Name, f.Nullable = "c0", true
		sc := arrow.NewSchema([]arrow.Field{{Name: "rid", Type: arrow.PrimitiveTypes.Int64}, f}, nil)
		versions := s.versions
		if versions == nil {
			versions = []string{"2.0", "2.1", "2.2"}
		}
		for _, v := range versions {
			b := array.NewRecordBuilder(memory.DefaultAllocator, sc)
			for row := range s.rows {
				b.Field(0).(*array.Int64Builder).Append(int64(row))
				s.fill(b.Field(1), row)
			}
			name := strings.ReplaceAll(v, ".", "") + "-" + string(rune('a'+i))
			path := filepath.Join(dir, name+".arrow")
			writeIPC(t, path, true, []arrow.RecordBatch{b.NewRecordBatch()})
			b.Release()
			specs = append(specs, spec{
				Name: name, Dir: dir, Version: v, Parts: []string{path}, Delete: []string{"rid % 7 = 6"}, Raw: true, Out: filepath.Join(dir, name+".out"),
				shape: s.name + ", version " + v,
			})
		}
	}
	writeTables(t, dir, specs)
	for _, s := range specs {
		t.Run(s.shape, func(t *testing.T) {
			if msg, err := os.ReadFile(s.Out + ".error"); err == nil {
				t.Fatalf("LanceDB: %.300s", msg)
			}
			for seed := range uint64(3) {
				want := readIPC(t, s.Out, true)
				checkTable(t, filepath.Join(dir, s.Name+".lance"), want, rand.New(rand.NewPCG(seed, 9)))
				for _, c := range want {
					randtable.Chunks.Release(c)
				}
			}
		})
	}
}
