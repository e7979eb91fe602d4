package schema_test

import (
	"errors"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/lance/internal/randtable"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/schema"
)

func TestTypesHaveTheNamesThatReadBack(t *testing.T) {
	for _, typ := range append(randtable.Types(), arrow.Null, arrow.FixedWidthTypes.Duration_ns,
		&arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "+01:00"}, &arrow.Decimal256Type{Precision: 60, Scale: 3},
		&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int16, ValueType: &arrow.TimestampType{Unit: arrow.Second}, Ordered: true}) {
		if _, nested := typ.(arrow.NestedType); nested && typ.ID() != arrow.FIXED_SIZE_LIST {
			continue
		}
		name, err := schema.LogicalType(typ)
		if err != nil {
			t.Errorf("%s: %v", typ, err)
			continue
		}
		got, err := schema.ParseType(name)
		if err != nil || !arrow.TypeEqual(got, typ) {
			t.Errorf("%s: %q reads as %s, %v", typ, name, got, err)
		}
	}
}

func TestFieldsAreNumberedDepthFirst(t *testing.T) {
	key := arrow.MetadataFrom(map[string]string{schema.KeyPrimaryKeyPosition: "1"})
	st := arrow.StructOf(arrow.Field{Name: "a", Type: arrow.PrimitiveTypes.Int32, Nullable: true})
	md := arrow.MetadataFrom(map[string]string{"k": "v"})
	s, err := schema.FromArrow(arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.BinaryTypes.String, Metadata: key},
		{Name: "l", Type: arrow.ListOf(st), Nullable: true},
		{Name: "v", Type: arrow.FixedSizeListOf(4, arrow.PrimitiveTypes.Float32)},
	}, &md))
	if err != nil {
		t.Fatal(err)
	}
	want := []pb.SchemaField{
		{
			ID: 0, ParentID: -1, Name: "id", LogicalType: "string", Encoding: 2, PrimaryKey: true, PrimaryKeyPos: 1,
			Metadata: map[string][]byte{schema.KeyPrimaryKeyPosition: []byte("1")},
		},
		{ID: 1, ParentID: -1, Name: "l", LogicalType: "list.struct", Nullable: true, Encoding: 1},
		{ID: 2, ParentID: 1, Name: "item", LogicalType: "struct", Nullable: true},
		{ID: 3, ParentID: 2, Name: "a", LogicalType: "int32", Nullable: true, Encoding: 1},
		{ID: 4, ParentID: -1, Name: "v", LogicalType: "fixed_size_list:float:4", Encoding: 1},
	}
	if diff := cmp.Diff(want, s.Messages()); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	if s.Metadata["k"] != "v" || len(s.PrimaryKey()) != 1 {
		t.Errorf("metadata %v, key %v", s.Metadata, s.PrimaryKey())
	}

	// A generation has the fields of its table, and one more.
	gen, err := s.WithNullable(true, "l", "v")
	if err != nil {
		t.Fatal(err)
	}
	if gen, err = gen.Extend(nil, arrow.Field{Name: "_tombstone", Type: arrow.FixedWidthTypes.Boolean}); err != nil {
		t.Fatal(err)
	}
	if f := gen.Field("_tombstone"); f.ID != 5 || gen.Field("v").ID != 4 || !gen.Field("v").Nullable || s.Field("v").Nullable {
		t.Errorf("got %+v, %+v", f, gen.Field("v"))
	}
	if _, err := gen.Extend(nil, arrow.Field{Name: "_tombstone", Type: arrow.FixedWidthTypes.Boolean}); !errors.Is(err, schema.ErrMalformed) {
		t.Errorf("a field twice: got %v", err)
	}
}

func TestRecordedSchemasAreMadeAgain(t *testing.T) {
	s, err := schema.New(fields()[:5], map[string][]byte{"k": []byte("v")})
	if err != nil {
		t.Fatal(err)
	}
	again, err := schema.New(s.Messages(), s.MetadataMessage())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s.Messages(), again.Messages()); diff != "" || !s.Arrow().Equal(again.Arrow()) {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
