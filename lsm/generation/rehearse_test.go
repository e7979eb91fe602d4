package generation_test

import (
	"errors"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/schema"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm/generation"
)

func TestTablesOfWhichNoGenerationCanBeWrittenAreRefused(t *testing.T) {
	members := []arrow.Field{{Name: "a", Type: arrow.BinaryTypes.String, Nullable: true}, {Name: "b", Type: arrow.PrimitiveTypes.Int32, Nullable: true}}
	structs := arrow.StructOf(members...)
	small := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}
	large := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	for _, tt := range []struct {
		name    string
		typ     arrow.DataType
		refused []string // versions
	}{
		{"text", arrow.BinaryTypes.String, nil},
		{"a list", arrow.ListOf(arrow.PrimitiveTypes.Int32), nil},
		{"a vector", arrow.FixedSizeListOf(8, arrow.PrimitiveTypes.Float32), nil},
		{"a struct, which may not be null in 2.0 as that of a tombstone is", structs, []string{"2.0"}},
		{"a list of structs", arrow.ListOf(structs), nil},
		{"a struct of structs", arrow.StructOf(arrow.Field{Name: "s", Type: structs, Nullable: true}), []string{"2.0"}},
		{"a dictionary that a generation can outgrow", small, []string{"2.0", "2.1", "2.2"}},
		{"a list of them", arrow.ListOf(small), []string{"2.0", "2.1", "2.2"}},
		{"a large dictionary", large, nil},
	} {
		for _, version := range []string{"2.0", "2.1", "2.2"} {
			t.Run(tt.name+" in "+version, func(t *testing.T) {
				s, err := schema.FromArrow(arrow.NewSchema([]arrow.Field{
					{Name: "id", Type: arrow.BinaryTypes.String, Metadata: arrow.NewMetadata([]string{schema.KeyPrimaryKeyPosition}, []string{"1"})},
					{Name: "x", Type: tt.typ, Nullable: true},
				}, nil))
				if err != nil {
					t.Fatal(err)
				}
				v, err := file.ParseVersion(version)
				if err != nil {
					t.Fatal(err)
				}
				store := storage.NewMemStore()
				m, err := dataset.Create(t.Context(), store, dataset.NewTable{Schema: s, Version: v}, dataset.CommitOptions{})
				if err == nil {
					m, err = dataset.InstallMemWAL(t.Context(), store, m, &memwal.IndexDetails{NumShards: 1, Specs: []memwal.ShardingSpec{{ID: 1}}}, dataset.CommitOptions{})
				}
				if err != nil {
					t.Fatal(err)
				}
				_, err = generation.LayoutOf(t.Context(), store, m, file.Options{})
				refused := false
				for _, r := range tt.refused {
					refused = refused || r == version
				}
				if refused && !errors.Is(err, generation.ErrUnsupported) || !refused && err != nil {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}
