package inspect

import (
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"
)

func TestRowsAreAlignedForPeople(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.BinaryTypes.String},
		{Name: "n", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
		{Name: "score", Type: arrow.PrimitiveTypes.Float32},
		{Name: "vector", Type: arrow.FixedSizeListOf(6, arrow.PrimitiveTypes.Float32)},
		{Name: "day", Type: arrow.FixedWidthTypes.Date32},
	}, nil)
	b := array.NewRecordBuilder(mem, schema)
	defer b.Release()
	for i, id := range []string{"a", "a long one\nof two lines", strings.Repeat("x", 100)} {
		b.Field(0).(*array.StringBuilder).Append(id)
		if i == 1 {
			b.Field(1).AppendNull()
		} else {
			b.Field(1).(*array.Int32Builder).Append(int32(i * 1000))
		}
		b.Field(2).(*array.Float32Builder).Append(0.1)
		v := b.Field(3).(*array.FixedSizeListBuilder)
		v.Append(true)
		v.ValueBuilder().(*array.Float32Builder).AppendValues([]float32{1, 0.5, -2, 3, 4, 5}, nil)
		b.Field(4).(*array.Date32Builder).Append(arrow.Date32(19_000 + i))
	}
	batch := b.NewRecordBatch()
	defer batch.Release()
	var out strings.Builder
	w := NewRowWriter(&out, schema)
	if err := w.Write(batch); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	want := `id                                                               n  score  vector                        day
a                                                                0    0.1  [1, 0.5, -2, 3, ... 6 items]  2022-01-08
a long one of two lines                                          -    0.1  [1, 0.5, -2, 3, ... 6 items]  2022-01-09
xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...  2000    0.1  [1, 0.5, -2, 3, ... 6 items]  2022-01-10
`
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(out.String(), "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	out.Reset()
	w = NewRowWriter(&out, schema)
	for range 200 {
		if err := w.Write(batch); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil || strings.Count(out.String(), "\n") != 601 {
		t.Errorf("%d lines, %v", strings.Count(out.String(), "\n"), err)
	}
	out.Reset()
	if err := NewRowWriter(&out, schema).Close(); err != nil || out.String() != "id  n  score  vector  day\n" {
		t.Errorf("no rows: %q, %v", out.String(), err)
	}
}
