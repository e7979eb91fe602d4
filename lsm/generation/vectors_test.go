package generation_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lance/vector"
	"github.com/hearthcache/hearth/lsm/generation"
)

func TestVectorsThatCannotBeComparedDoNotKeepAGenerationFromBeingWritten(t *testing.T) {
	s, err := schema.FromArrow(arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.BinaryTypes.String, Metadata: arrow.NewMetadata([]string{schema.KeyPrimaryKeyPosition}, []string{"1"})},
		{Name: "v", Type: arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Float32), Nullable: true},
	}, nil))
	if err != nil {
		t.Fatal(err)
	}
	store := storage.NewMemStore()
	m, err := dataset.Create(t.Context(), store, dataset.NewTable{Schema: s}, dataset.CommitOptions{})
	if err == nil {
		m, err = dataset.InstallMemWAL(t.Context(), store, m, memwal.UnshardedDetails(), dataset.CommitOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	l, err := generation.LayoutOf(t.Context(), store, m, file.Options{})
	if err != nil {
		t.Fatal(err)
	}
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, name := range []string{"l2", "cosine", "dot"} {
		metric, err := vector.ParseMetric(name)
		if err != nil {
			t.Fatal(err)
		}
		l.Indexes = []generation.Index{{Name: "v", Kind: generation.Vector, Field: l.Schema.Field("v"), Metric: metric}}
		for _, v := range [][]float32{{0, 0}, {nan, nan}, {nan, 1}, {inf, -inf}, {math.MaxFloat32, -math.MaxFloat32}} {
			t.Run(fmt.Sprint(name, v), func(t *testing.T) {
				b := array.NewRecordBuilder(memory.DefaultAllocator, l.Arrow())
				defer b.Release()
				b.Field(0).(*array.StringBuilder).Append("a")
				list := b.Field(1).(*array.FixedSizeListBuilder)
				list.Append(true)
				list.ValueBuilder().(*array.Float32Builder).AppendValues(v, nil)
				b.Field(2).(*array.BooleanBuilder).Append(false)
				rows := b.NewRecordBatch()
				defer rows.Release()
				if _, err := l.Write(t.Context(), storage.NewMemStore(), []arrow.RecordBatch{rows}, generation.WriteOptions{}); err != nil {
					t.Error(err)
				}
			})
		}
	}
}
