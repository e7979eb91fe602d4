package indextest_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/fts"
	"github.com/hearthcache/hearth/lance/internal/indextest"
	"github.com/hearthcache/hearth/lance/memwal/lancedbtest"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/storage"
	"github.com/hearthcache/hearth/lance/vector"
)

// TestLanceDBExtendsOurIndexes has LanceDB add rows to a table with indexes of our making and merge the rows into them.
func TestLanceDBExtendsOurIndexes(t *testing.T) {
	lancedbtest.Need(t)
	const n, dim = 600, 8
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.BinaryTypes.String},
		{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "vector", Type: arrow.FixedSizeListOf(dim, arrow.PrimitiveTypes.Float32), Nullable: true},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	list := b.Field(2).(*array.FixedSizeListBuilder)
	for i := range n {
		b.Field(0).(*array.StringBuilder).Append(fmt.Sprintf("id-%04d", i))
		b.Field(1).(*array.StringBuilder).Append(fmt.Sprintf("common words and number%d", i%100))
		list.Append(true)
		for k := range dim {
			list.ValueBuilder().(*array.Float32Builder).Append(float32((i*(k+3))%n) / 10)
		}
	}
	batch := b.NewRecordBatch()
	defer batch.Release()
	r := &rows{batch, t.Context()}
	dir := t.TempDir()
	table := indextest.Create(t, dir, "t", file.V22, batch)
	table.AddIndex(t, "id_idx", "id", r.keys(file.V22))
	table.AddIndex(t, "text_idx", "text", r.texts(fts.WriteOptions{}))
	table.AddIndex(t, "vector_idx", "vector", func(w storage.Writer, folder string) (pb.IndexMetadata, error) {
		data, err := vector.AppendVectors(nil, batch.Column(2))
		if err != nil {
			return pb.IndexMetadata{}, err
		}
		src, err := vector.NewMemory(dim, r.offsets(), data)
		if err != nil {
			return pb.IndexMetadata{}, err
		}
		built, err := vector.Build(t.Context(), src, vector.BuildOptions{})
		if err != nil {
			return pb.IndexMetadata{}, err
		}
		return built.Write(t.Context(), w, folder, false)
	})
	out := lancedbtest.Node(t, `
import * as lancedb from "@lancedb/lancedb";
const t = await (await lancedb.connect(process.argv[2])).openTable("t");
const out = {};
const ask = async (when) => {
  const search = (q) => t.query().fullTextSearch(q, { columns: ["text"] }).limit(2000).toArray();
  out[when] = {
    point: await t.countRows("id = 'id-0042'"), range: await t.countRows("id >= 'id-0590'"),
    common: (await search("common")).length, rare: (await search("number7")).length,
    phrase: (await t.query().fullTextSearch(new lancedb.PhraseQuery("words and number7", "text")).limit(2000).toArray()).length,
    nearest: (await t.vectorSearch(Array(8).fill(30)).refineFactor(5).limit(1).toArray())[0].id,
  };
  for (const name of ["id_idx", "text_idx", "vector_idx"]) {
    const s = await t.indexStats(name);
    out[when][name] = [s.indexType, s.numIndexedRows, s.numUnindexedRows];
  }
};
await ask("made");
await t.add(Array.from({ length: 300 }, (_, i) => ({ id: "id-" + (600 + i), text: "common words and number" + (i % 100), vector: Array(8).fill(i / 6) })));
await t.optimize();
await ask("merged");
console.log(JSON.stringify(out));
process.exit(0);
`, dir)
	type answer struct {
		Point, Range, Common, Rare, Phrase int
		Nearest                            string
		ID                                 []any `json:"id_idx"`
		Text                               []any `json:"text_idx"`
		Vector                             []any `json:"vector_idx"`
	}
	var got map[string]answer
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	nearest := got["made"].Nearest
	want := map[string]answer{
		"made":   {1, 10, 600, 6, 6, nearest, []any{"BTREE", 600.0, 0.0}, []any{"FTS", 600.0, 0.0}, []any{"IVF_HNSW_SQ", 600.0, 0.0}},
		"merged": {1, 310, 900, 9, 9, "id-780", []any{"BTREE", 900.0, 0.0}, []any{"FTS", 900.0, 0.0}, []any{"IVF_HNSW_SQ", 900.0, 0.0}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
