package vector

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/internal/indextest"
	"github.com/hearthcache/hearth/lance/memwal/lancedbtest"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/storage"
)

// TestLanceDBSearchesOurIndexes has LanceDB search tables with indexes of our making, with and without comparing the
// vectors themselves, and beside them the same vectors with an index of its own.
func TestLanceDBSearchesOurIndexes(t *testing.T) {
	lancedbtest.Need(t)
	const rows, dim, queries = 6000, 32, 40
	dir := t.TempDir()
	type table struct {
		Name    string      `json:"name"`
		Metric  string      `json:"metric"`
		Queries [][]float32 `json:"queries"`
	}
	var tables []table
	truth := map[string]*slab{}
	for name, d := range datasets {
		src := d.slab(rows, dim)
		truth[name] = src
		batch := vectorBatch(src)
		defer batch.Release()
		for _, version := range []file.Version{file.V20, file.V22} {
			own := indextest.Create(t, dir, name+version.String()[2:], version, batch)
			own.AddIndex(t, "vector_idx", "vector", func(w storage.Writer, folder string) (pb.IndexMetadata, error) {
				b, err := Build(t.Context(), src.memory(t), BuildOptions{Metric: d.metric, Version: version})
				if err != nil {
					return pb.IndexMetadata{}, err
				}
				return b.Write(t.Context(), w, folder, false)
			})
		}
		indextest.Create(t, dir, name+"theirs", file.V22, batch)
		x := table{Name: name, Metric: d.metric.String()}
		for q := range queries {
			x.Queries = append(x.Queries, d.query(q, dim))
		}
		tables = append(tables, x)
	}
	request, err := json.Marshal(tables)
	if err != nil {
		t.Fatal(err)
	}
	answers := filepath.Join(dir, "answers.json")
	lancedbtest.Node(t, `
import * as lancedb from "@lancedb/lancedb"; import fs from "node:fs";
const db = await lancedb.connect(process.argv[2]);
const out = {};
for (const { name, metric, queries } of JSON.parse(process.argv[3])) {
  for (const kind of ["0", "2", "theirs"]) {
    const t = await db.openTable(name + kind);
    if (kind === "theirs")
      await t.createIndex("vector", { config: lancedb.Index.hnswSq({ distanceType: metric, numPartitions: 1, m: 16, efConstruction: 100 }) });
    const answer = { stats: await t.indexStats("vector_idx"), plain: [], refined: [] };
    for (const q of queries) {
      const search = () => t.vectorSearch(q).distanceType(metric).select(["id", "_distance"]).limit(10);
      answer.plain.push((await search().toArray()).map((r) => [r.id, r._distance]));
      answer.refined.push((await search().refineFactor(5).toArray()).map((r) => [r.id, r._distance]));
    }
    out[name + kind] = answer;
  }
}
fs.writeFileSync(process.argv[4], JSON.stringify(out));
process.exit(0);
`, dir, string(request), answers)
	out, err := os.ReadFile(answers)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]struct {
		Stats          map[string]any
		Plain, Refined [][][2]float64
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, d := range datasets {
		for _, kind := range []string{"0", "2", "theirs"} {
			answer := got[name+kind]
			var plain, refined float64
			for q := range queries {
				want := truth[name].brute(d.metric, d.query(q, dim), 10, nil)
				plain += hitRecall(want, answer.Plain[q])
				refined += hitRecall(want, answer.Refined[q])
				if kind != "theirs" {
					checkRefined(t, fmt.Sprintf("%s%s query %d", name, kind, q), truth[name], d, d.query(q, dim), answer.Refined[q])
				}
			}
			plain, refined = plain/queries, refined/queries
			line := fmt.Sprintf("%s%s: recall %.3f, %.3f refined, %v", name, kind, plain, refined, answer.Stats)
			if kind != "theirs" && refined < 0.95 {
				t.Error(line)
			} else {
				t.Log(line)
			}
		}
	}
}

// hitRecall is how much of the truth was found, by row.
func hitRecall(truth []Hit, got [][2]float64) float64 {
	rows := map[uint64]bool{}
	for _, h := range got {
		rows[uint64(h[0])] = true
	}
	found := 0
	for _, h := range truth {
		if rows[h.Row] {
			found++
		}
	}
	return float64(found) / float64(len(truth))
}

// checkRefined compares distances that LanceDB took from the vectors themselves.
func checkRefined(t *testing.T, name string, src *slab, d dataset, query []float32, got [][2]float64) {
	t.Helper()
	for _, h := range got {
		want := float64(d.metric.Distance(query, src.row(uint64(h[0]))))
		if math.Abs(h[1]-want) > 1e-4*max(1, math.Abs(want)) {
			t.Errorf("%s: row %v at %v, want %v", name, h[0], h[1], want)
		}
	}
}

// vectorBatch is a table of vectors; those with NaN are null.
func vectorBatch(src *slab) arrow.RecordBatch {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.PrimitiveTypes.Int32},
		{Name: "vector", Type: arrow.FixedSizeListOf(int32(src.dim), arrow.PrimitiveTypes.Float32), Nullable: true},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	list := b.Field(1).(*array.FixedSizeListBuilder)
	for i := range len(src.data) / src.dim {
		b.Field(0).(*array.Int32Builder).Append(int32(i))
		v := src.row(uint64(i))
		list.Append(v[0] == v[0])
		list.ValueBuilder().(*array.Float32Builder).AppendValues(v, nil)
	}
	return b.NewRecordBatch()
}
