package btree

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/hearthcache/hearth/internal/seedtest"
	"github.com/hearthcache/hearth/lance/file"
	"github.com/hearthcache/hearth/lance/internal/indextest"
	"github.com/hearthcache/hearth/lance/memwal/lancedbtest"
	"github.com/hearthcache/hearth/lance/pb"
	"github.com/hearthcache/hearth/lance/storage"
)

// conditions are what LanceDB is asked for each column.
var conditions = map[string][]string{
	"int64":     {"int64 > 0", "int64 IS NULL", "int64 BETWEEN -4000000000000000000 AND 4000000000000000000", "int64 = %s"},
	"int8":      {"int8 < -3", "int8 IN (1, 2, 3, 100)", "int8 IS NOT NULL", "int8 = %s"},
	"uint32":    {"uint32 >= 2000000000", "uint32 = %s"},
	"float64":   {"float64 > 100.5", "float64 = 0", "float64 < 0 OR float64 IS NULL"},
	"bool":      {"bool = true", "bool IS NULL"},
	"date32":    {"date32 >= DATE '1970-03-01'", "date32 < DATE '1969-12-01'"},
	"timestamp": {"timestamp > TIMESTAMP '1970-01-01 00:00:00'"},
	"utf8":      {"utf8 >= 'common b'", "utf8 = ''", "utf8 IN ('a', 'b', 'ab')", "utf8 IS NULL", "utf8 LIKE 'common a%'"},
}

// TestLanceDBFiltersByOurIndexes has LanceDB filter a table with indexes of our making, and the same table without.
func TestLanceDBFiltersByOurIndexes(t *testing.T) {
	lancedbtest.Need(t)
	seed := seedtest.Seed(t)
	r := rand.New(rand.NewPCG(seed, 0))
	const rows = 9000
	var queries []string
	var fields []arrow.Field
	var columns []arrow.Array
	for name := range conditions {
		kind := randomValues[name]
		fields = append(fields, arrow.Field{Name: name, Type: kind.typ, Nullable: true})
		values := randomArray(t, r, kind.typ, kind.some, rows, true)
		defer values.Release()
		columns = append(columns, values)
		for _, q := range conditions[name] {
			for i := range values.Len() {
				if values.IsValid(i) && slices.Contains([]byte(q), '%') && name != "utf8" {
					q = fmt.Sprintf(q, values.ValueStr(i))
					break
				}
			}
			queries = append(queries, q)
		}
	}
	batch := array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, rows)
	defer batch.Release()
	dir := t.TempDir()
	indextest.Create(t, dir, "plain", file.V22, batch)
	// Two fragments, so that ids are addresses.
	first, second := batch.NewSlice(0, 5000), batch.NewSlice(5000, rows)
	defer first.Release()
	defer second.Release()
	for _, version := range []file.Version{file.V20, file.V21, file.V22} {
		table := indextest.Create(t, dir, "v"+version.String()[2:], version, first, second)
		for c, f := range fields {
			table.AddIndex(t, f.Name+"_idx", f.Name, func(w storage.Writer, folder string) (pb.IndexMetadata, error) {
				b, err := NewBuilder(f.Type, BuildOptions{Version: version})
				if err != nil {
					return pb.IndexMetadata{}, err
				}
				defer b.Release()
				for i, part := range []arrow.RecordBatch{first, second} {
					if err := b.AddRows(part.Column(c), uint64(i)<<32); err != nil {
						return pb.IndexMetadata{}, err
					}
				}
				return b.Write(t.Context(), w, folder)
			})
		}
	}
	list, err := json.Marshal(queries)
	if err != nil {
		t.Fatal(err)
	}
	out := lancedbtest.Node(t, `
import * as lancedb from "@lancedb/lancedb";
const db = await lancedb.connect(process.argv[2]);
const out = {};
for (const name of ["plain", "v0", "v1", "v2"]) {
  const t = await db.openTable(name);
  out[name] = { indexes: (await t.listIndices()).map((i) => i.indexType + " " + i.name).sort(), counts: [], used: 0 };
  for (const q of JSON.parse(process.argv[3])) {
    out[name].counts.push(await t.countRows(q));
    if ((await t.query().where(q).explainPlan()).includes("ScalarIndexQuery")) out[name].used++;
  }
}
console.log(JSON.stringify(out));
process.exit(0);
`, dir, string(list))
	type answer struct {
		Indexes []string
		Counts  []int
		Used    int
	}
	var got map[string]answer
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, name := range []string{"v0", "v1", "v2"} {
		if len(got[name].Indexes) != len(fields) || got[name].Indexes[0] != "BTree bool_idx" {
			t.Errorf("%s has indexes %v", name, got[name].Indexes)
		}
		if got[name].Used < len(queries)-2 {
			t.Errorf("%s: %d of %d conditions use an index", name, got[name].Used, len(queries))
		}
		for i, q := range queries {
			if got[name].Counts[i] != got["plain"].Counts[i] {
				t.Errorf("%s: %s: %d rows, %d without an index", name, q, got[name].Counts[i], got["plain"].Counts[i])
			}
		}
	}
	t.Logf("%d conditions, rows %v", len(queries), got["plain"].Counts)
}
