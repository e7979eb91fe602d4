package btree

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hearthcache/hearth/lance/memwal/lancedbtest"
)

// TestIndexesThatLanceDBBuiltAndMerged reads indexes with many pages, one of them made
// by LanceDB out of an older index and rows that were added later.
func TestIndexesThatLanceDBBuiltAndMerged(t *testing.T) {
	dir := t.TempDir()
	out := lancedbtest.Node(t, `
import * as lancedb from "@lancedb/lancedb"; import * as arrow from "apache-arrow"; import fs from "node:fs";
const db = await lancedb.connect(process.argv[2]);
const schema = new arrow.Schema([new arrow.Field("id", new arrow.Int64(), false), new arrow.Field("s", new arrow.Utf8(), true)]);
const rows = (a, b) => lancedb.makeArrowTable(Array.from({ length: b - a }, (_, k) => ({ id: BigInt((a + k) * 7919 % 50000), s: (a + k) % 4 ? "v" + (a + k) % 1000 : null })), { schema });
const t = await db.createTable("t", rows(0, 30000));
for (const c of ["id", "s"]) await t.createIndex(c, { config: lancedb.Index.btree() });
await t.add(rows(30000, 50000));
await t.optimize();
const hits = {};
for (const q of ["id = 7919", "id < 100", "s = 'v7'", "s IS NULL", "s > 'v998'"]) hits[q] = await t.countRows(q);
console.log(JSON.stringify(hits));
process.exit(0);
`, dir)
	var want map[string]int
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	folders, err := filepath.Glob(filepath.Join(dir, "t.lance", "_indices", "*"))
	if err != nil {
		t.Fatal(err)
	}
	store := dirStore(t, dir)
	merged := 0
	for _, folder := range folders {
		x := openIndex(t, store, "t.lance/_indices/"+filepath.Base(folder), 0)
		t.Logf("%s: %d rows of %s in %d pages", filepath.Base(folder), x.Len(), x.Type(), x.Pages())
		if x.Len() != 50_000 {
			continue
		}
		merged++
		got := map[string]int{}
		if x.kind == kindInt {
			got["id = 7919"] = len(lookup(t, x, Int(7919)))
			got["id < 100"] = len(collect(t, x, Unbounded(), Excluding(Int(100))))
		} else {
			got["s = 'v7'"] = len(lookup(t, x, Text("v7")))
			got["s IS NULL"] = len(lookup(t, x, Null()))
			got["s > 'v998'"] = len(collect(t, x, Excluding(Text("v998")), Unbounded()))
		}
		for q, n := range got {
			if n != want[q] {
				t.Errorf("%s: %d rows, LanceDB counts %d", q, n, want[q])
			}
		}
		ids := append(collect(t, x, Unbounded(), Unbounded()), lookup(t, x, Null())...)
		slices.Sort(ids)
		if len(slices.Compact(ids)) != 50_000 {
			t.Errorf("%d different ids", len(slices.Compact(ids)))
		}
	}
	if merged != 2 {
		t.Errorf("%d merged indexes, want 2", merged)
	}
}
