package engine

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/lance/dataset"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lsm"
)

func newTable(t *testing.T, text string) NewTable {
	t.Helper()
	var n NewTable
	if err := json.Unmarshal([]byte(text), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestATableIsMadeAsItIsDescribed(t *testing.T) {
	mem := storage.NewMemStore()
	n := newTable(t, `{
		"columns": [
			{"name": "id", "type": "utf8"}, {"name": "n", "type": "int32", "nullable": false}, {"name": "text", "type": "string"},
			{"name": "vector", "type": "vector[4]"}, {"name": "at", "type": "timestamp:us:UTC"},
			{"name": "tags", "type": "list", "item": {"type": "utf8"}},
			{"name": "meta", "type": "struct", "fields": [{"name": "a", "type": "float64"}, {"name": "b", "type": "map", "key": {"type": "utf8"}, "value": {"type": "date"}}]}
		],
		"primary_key": ["id"],
		"indexes": [{"column": "id", "kind": "btree"}, {"column": "text", "kind": "fts", "name": "words", "stem": false}],
		"sharding": {"kind": "bucket", "buckets": 3}
	}`)
	if err := CreateTable(t.Context(), mem, "db/t.lance", n); err != nil {
		t.Fatal(err)
	}
	tbl, err := lsm.Open(t.Context(), mem, "db/t.lance", lsm.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tbl.Close() }()
	s, err := tbl.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var types []string
	for _, f := range s.Schema().Fields() {
		types = append(types, f.Name+" "+f.Type.String())
	}
	want := []string{
		"id utf8", "n int32", "text utf8", "vector fixed_size_list<item: float32, nullable>[4]", "at timestamp[us, tz=UTC]",
		"tags list<item: utf8, nullable>", "meta struct<a: float64 nullable, b: map<utf8, date32, items_nullable> nullable>",
	}
	if diff := cmp.Diff(want, types); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"id"}, s.PrimaryKey()); diff != "" {
		t.Error(diff)
	}
	sub, err := storage.Sub(mem, "db/t.lance")
	if err != nil {
		t.Fatal(err)
	}
	m, err := dataset.LoadLatest(t.Context(), sub)
	if err != nil {
		t.Fatal(err)
	}
	d, ok, err := m.MemWALDetails()
	if err != nil || !ok || d.NumShards != 3 {
		t.Fatalf("%+v, %v, %v", d, ok, err)
	}
	if diff := cmp.Diff([]string{"id_idx", "words"}, d.MaintainedIndexes); diff != "" {
		t.Error(diff)
	}
	if err := CreateTable(t.Context(), mem, "db/t.lance", n); !errors.Is(err, ErrExists) {
		t.Errorf("again: %v", err)
	}
}

func TestATableThatCannotBeIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	const column = `"columns": [{"name": "id", "type": "utf8"}, {"name": "x", "type": "float32"}]`
	for text, want := range map[string]string{
		`{}`:                                     `engine: columns: 0 columns, a table has 1 to 4096`,
		`{` + column + `}`:                       `engine: primary_key: required: rows replace those with the same key`,
		`{` + column + `, "primary_key": ["y"]}`: `engine: primary_key: there is no column "y"`,
		`{` + column + `, "primary_key": ["id","id"]}`:                                                                      `engine: primary_key: "id" is named twice`,
		`{"columns": [{"name": "id", "type": "blob"}], "primary_key": ["id"]}`:                                              `engine: columns: id: schema: unsupported type: "blob"`,
		`{"columns": [{"name": "id", "type": "list"}], "primary_key": ["id"]}`:                                              `engine: columns: id: a list needs "item"`,
		`{"columns": [{"name": "id", "type": "utf8", "item": {"type": "utf8"}}], "primary_key": ["id"]}`:                    `engine: columns: id: type "utf8" has no "item"`,
		`{"columns": [{"name": "id", "type": "vector[0]"}], "primary_key": ["id"]}`:                                         `engine: columns: id: "vector[0]" is no vector of 1 to 65536 numbers`,
		`{"columns": [{"name": "id", "type": "utf8"}, {"name": "id", "type": "utf8"}], "primary_key": ["id"]}`:              `engine: columns: "id": names must be there and differ`,
		`{"columns": [{"name": "s", "type": "struct", "fields": [{"type": "utf8"}]}], "primary_key": ["s"]}`:                `engine: columns: s: a member without a name`,
		`{` + column + `, "primary_key": ["id"], "file_version": "3"}`:                                                      `engine: file_version: "3" is not 2.0, 2.1, 2.2`,
		`{` + column + `, "primary_key": ["id"], "sharding": {"kind": "bucket"}}`:                                           `engine: sharding: memwal: unsupported: 0 buckets`,
		`{` + column + `, "primary_key": ["id"], "sharding": {"kind": "bucket", "column": "x", "buckets": 2}}`:              `engine: sharding: buckets are of a primary key of one column`,
		`{` + column + `, "primary_key": ["id"], "sharding": {"kind": "identity", "column": "x"}}`:                          `engine: sharding: memwal: unsupported: sharding by values of float32`,
		`{` + column + `, "primary_key": ["id"], "sharding": {"kind": "hash"}}`:                                             `engine: sharding: "hash" is not unsharded, bucket, identity`,
		`{` + column + `, "primary_key": ["id"], "indexes": [{"column": "x", "kind": "fts"}]}`:                              `engine: indexes: x_idx: a text index is of a column of text, not of float32`,
		`{` + column + `, "primary_key": ["id"], "indexes": [{"column": "x", "kind": "ivf"}]}`:                              `engine: indexes: x_idx: "ivf" is not btree, fts: other indexes are made by LanceDB`,
		`{` + column + `, "primary_key": ["id"], "indexes": [{"column": "y", "kind": "btree"}]}`:                            `engine: indexes: there is no column "y"`,
		`{` + column + `, "primary_key": ["id"], "indexes": [{"column":"x","kind":"btree"},{"column":"x","kind":"btree"}]}`: `engine: indexes: "x_idx": names must differ`,
		`{"columns": [{"name": "x", "type": "vector[2]"}], "primary_key": ["x"]}`:                                           `engine: table: cannot be made: generation: unsupported: primary key`,
	} {
		mem := storage.NewMemStore()
		err := CreateTable(t.Context(), mem, "t.lance", newTable(t, text))
		if !errors.Is(err, lsm.ErrQuery) || len(err.Error()) < len(want) || err.Error()[:len(want)] != want {
			t.Errorf("%s:\n got %v\nwant %s", text, err, want)
		}
		if left := mem.Paths(); len(left) > 0 {
			t.Errorf("%s: left %v", text, left)
		}
	}
	var n NewTable
	if err := json.Unmarshal([]byte(`{"columns": [{"name": "id", "typ": "utf8"}]}`), &n); err == nil {
		t.Error("an unknown field was taken")
	}
	if err := CreateTable(t.Context(), storage.NewMemStore(), "../t", n); !errors.Is(err, lsm.ErrQuery) {
		t.Errorf("got %v", err)
	}
	n = NewTable{Schema: arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.BinaryTypes.String, Nullable: true}}, nil), PrimaryKey: []string{"id"}}
	if err := CreateTable(t.Context(), storage.NewMemStore(), "t", n); err != nil {
		t.Errorf("by a schema of Arrow: %v", err)
	}
}
