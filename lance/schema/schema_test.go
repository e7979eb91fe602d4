package schema_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/schema"
)

func TestLogicalTypesAreArrowTypes(t *testing.T) {
	for logical, want := range map[string]string{
		"null": "null", "bool": "bool", "int8": "int8", "uint64": "uint64", "halffloat": "float16", "float": "float32", "double": "float64",
		"string": "utf8", "large_string": "large_utf8", "binary": "binary", "large_binary": "large_binary",
		"date32:day": "date32", "date64:ms": "date64", "time32:s": "time32[s]", "time64:ns": "time64[ns]", "time:ms": "time32[ms]",
		"timestamp:us:-": "timestamp[us]", "timestamp:ns:UTC": "timestamp[ns, tz=UTC]", "timestamp:ms:+01:00": "timestamp[ms, tz=+01:00]",
		"duration:s": "duration[s]", "fixed_size_binary:16": "fixed_size_binary[16]", "decimal:128:10:2": "decimal(10, 2)",
		"decimal:256:76:0": "decimal256(76, 0)", "fixed_size_list:float:4": "fixed_size_list<item: float32, nullable>[4]",
		"fixed_size_list:fixed_size_list:int16:3:2": "fixed_size_list<item: fixed_size_list<item: int16, nullable>[3], nullable>[2]",
		"dict:string:int32:false":                   "dictionary<values=utf8, indices=int32, ordered=false>",
	} {
		t.Run(logical, func(t *testing.T) {
			got, err := schema.ParseType(logical)
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
	for _, logical := range []string{
		"", "int128", "timestamp:h:-", "fixed_size_binary:-1", "fixed_size_binary:99999999999", "fixed_size_list:float", "fixed_size_list:float:0",
		"fixed_size_list:what:3", "decimal:128:39:0", "decimal:512:1:0", "decimal:128", "time32:us", "time64:s", "duration:m", "dict:string:utf8:false",
	} {
		if got, err := schema.ParseType(logical); !errors.Is(err, schema.ErrUnsupported) {
			t.Errorf("%q: got %v and %v, want ErrUnsupported", logical, got, err)
		}
	}
}

func fields() []pb.SchemaField {
	return []pb.SchemaField{
		{ID: 0, ParentID: -1, Name: "id", LogicalType: "int64", PrimaryKey: true, PrimaryKeyPos: 2},
		{ID: 1, ParentID: -1, Name: "tags", LogicalType: "list", Nullable: true},
		{ID: 2, ParentID: 1, Name: "item", LogicalType: "string", Nullable: true},
		{ID: 3, ParentID: -1, Name: "st", LogicalType: "struct", Nullable: true},
		{ID: 4, ParentID: 3, Name: "a", LogicalType: "int32", Metadata: map[string][]byte{schema.KeyPrimaryKeyPosition: []byte("1")}},
		{ID: 7, ParentID: -1, Name: "strange", LogicalType: "whatever:3"},
		{ID: 8, ParentID: -1, Name: "old", LogicalType: "string", Metadata: map[string][]byte{schema.KeyPrimaryKey: []byte("true")}},
	}
}

func TestFlattenedFieldsBecomeATree(t *testing.T) {
	s, err := schema.New(fields(), map[string][]byte{"k": []byte("v")})
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Field("tags").Type; !arrow.TypeEqual(got, arrow.ListOfField(arrow.Field{Name: "item", Type: arrow.BinaryTypes.String, Nullable: true})) {
		t.Errorf("got %s", got)
	}
	if got := s.ByID(4); got == nil || got.Name != "a" || got.ParentID != 3 {
		t.Errorf("got %+v", got)
	}
	var key []string
	for _, f := range s.PrimaryKey() {
		key = append(key, f.Name)
	}
	if diff := cmp.Diff([]string{"a", "id", "old"}, key); diff != "" {
		t.Errorf("primary key (-want +got):\n%s", diff)
	}
	if err := s.Field("strange").Unsupported; !errors.Is(err, schema.ErrUnsupported) || !strings.Contains(err.Error(), "whatever:3") {
		t.Errorf("got %v, want an ErrUnsupported that names the type", err)
	}
	if _, err := s.Project("id", "nope"); !errors.Is(err, schema.ErrNoField) {
		t.Errorf("got %v, want ErrNoField", err)
	}
	if got, err := s.Project("st", "id"); err != nil || len(got) != 2 || got[0].Name != "st" {
		t.Errorf("got %v and %v", got, err)
	}
}

func TestFieldsThatAreNoTreeAreRefused(t *testing.T) {
	for name, fs := range map[string][]pb.SchemaField{
		"an id twice":               {{ID: 1, ParentID: -1, Name: "a", LogicalType: "bool"}, {ID: 1, ParentID: -1, Name: "b", LogicalType: "bool"}},
		"a name twice":              {{ID: 1, ParentID: -1, Name: "a", LogicalType: "bool"}, {ID: 2, ParentID: -1, Name: "a", LogicalType: "bool"}},
		"a child before its parent": {{ID: 2, ParentID: 1, Name: "a", LogicalType: "bool"}, {ID: 1, ParentID: -1, Name: "b", LogicalType: "struct"}},
		"a list of nothing":         {{ID: 1, ParentID: -1, Name: "a", LogicalType: "list"}},
		"a bad key position":        {{ID: 1, ParentID: -1, Name: "a", LogicalType: "bool", Metadata: map[string][]byte{schema.KeyPrimaryKeyPosition: []byte("x")}}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := schema.New(fs, nil); !errors.Is(err, schema.ErrMalformed) {
				t.Errorf("got %v, want ErrMalformed", err)
			}
		})
	}
}
