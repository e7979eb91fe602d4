package btree

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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

// TestIndexesOfColumnsInAGeneration reads indexes that LanceDB's MemTable flushed, which
// other code of its writes than that for tables. The first 600 rows are superseded: they
// are in the indexes, and hidden from queries.
func TestIndexesOfColumnsInAGeneration(t *testing.T) {
	dir := t.TempDir()
	out := lancedbtest.Node(t, `
import * as lancedb from "@lancedb/lancedb"; import * as arrow from "apache-arrow"; import fs from "node:fs"; import path from "node:path";
const dir = process.argv[2];
const db = await lancedb.connect(dir);
const special = [NaN, -0, 0, Infinity, -Infinity];
const columns = {
  i32: [new arrow.Int32(), (i) => (i % 5 ? ((i * 31) % 701) - 350 : null)],
  f64: [new arrow.Float64(), (i) => (i % 7 === 0 ? null : i % 3 ? (i % 400) / 4 - 50 : special[i % 5])],
  utf8: [new arrow.Utf8(), (i) => (i % 6 === 0 ? null : i % 50 === 1 ? "" : "v" + (i % 900))],
  bool: [new arrow.Bool(), (i) => (i % 4 ? i % 3 === 0 : null)],
  u64: [new arrow.Uint64(), (i) => 18446744073709551615n - BigInt(i % 77)],
  ts: [new arrow.TimestampMillisecond(), (i) => ((i % 1000) - 500) * 1000],
  none: [new arrow.Int32(), () => null],
};
const schema = new arrow.Schema([
  new arrow.Field("id", new arrow.Int64(), false),
  ...Object.entries(columns).map(([name, [type]]) => new arrow.Field(name, type, true)),
]);
const rows = (a, b) =>
  lancedb.makeArrowTable(
    Array.from({ length: b - a }, (_, k) => ({
      id: BigInt((a + k) % 9000),
      ...Object.fromEntries(Object.entries(columns).map(([name, [, f]]) => [name, f(a + k)])),
    })),
    { schema },
  );
const t = await db.createTable("t", rows(20000, 20050));
for (const name of Object.keys(columns)) await t.createIndex(name, { config: lancedb.Index.btree() });
await t.setUnenforcedPrimaryKey("id");
await t.setLsmWriteSpec({ specType: "unsharded", writerConfigDefaults: { max_memtable_rows: "100000" } });
for (const [a, b] of [[0, 9000], [9000, 9600]])
  await t.mergeInsert("id").whenMatchedUpdateAll().whenNotMatchedInsertAll().execute(rows(a, b));
await t.closeLsmWriters();
const shards = path.join(dir, "t.lance", "_mem_wal");
const shard = path.join(shards, fs.readdirSync(shards)[0]);
const made = fs.readdirSync(shard).filter((n) => n.includes("_gen_"));
if (made.length !== 1) throw new Error("generations " + made);
fs.symlinkSync(path.join(shard, made[0]), path.join(dir, "generation.lance"));
const g = await db.openTable("generation");
const count = {};
for (const q of [
  "i32 = -6", "i32 IS NULL", "i32 > 340", "i32 <= -349", "f64 = 0", "f64 < 0", "f64 > 49", "f64 >= 49.75", "f64 IS NULL",
  "utf8 = 'v31'", "utf8 = ''", "utf8 IS NULL", "utf8 > 'v98'", "bool", "NOT bool", "bool IS NULL",
  "u64 > 18446744073709551610", "ts < timestamp '1969-12-31 23:52:00'", "none IS NULL", "none = 1",
]) count[q] = await g.countRows(q);
console.log(JSON.stringify(count));
process.exit(0);
`, dir)
	var want map[string]int
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	folders, err := filepath.Glob(filepath.Join(dir, "generation.lance", "_indices", "*"))
	if err != nil || len(folders) != 7 {
		t.Fatalf("indexes %v, %v", folders, err)
	}
	store := dirStore(t, filepath.Join(dir, "generation.lance")+"/")
	got := map[string]int{}
	live := func(q string, ids []uint64) {
		got[q] = len(slices.DeleteFunc(ids, func(id uint64) bool { return id < 600 }))
	}
	between := func(x *Index, q string, lo, hi Bound) { live(q, collect(t, x, lo, hi)) }
	for _, folder := range folders {
		x := openIndex(t, store, "_indices/"+filepath.Base(folder), 0)
		if n := len(collect(t, x, Unbounded(), Unbounded())) + len(lookup(t, x, Null())); n != 9600 || x.Len() != 9600 {
			t.Errorf("%s: %d of %d rows reached", x.Type(), n, x.Len())
		}
		_, some := x.Max()
		switch name := x.Type().String(); {
		case !some:
			live("none IS NULL", lookup(t, x, Null()))
			live("none = 1", lookup(t, x, Int(1)))
		case name == "int32":
			live("i32 = -6", lookup(t, x, Int(-6)))
			live("i32 IS NULL", lookup(t, x, Null()))
			between(x, "i32 > 340", Excluding(Int(340)), Unbounded())
			between(x, "i32 <= -349", Unbounded(), Including(Int(-349)))
		case name == "float64":
			live("f64 = 0", lookup(t, x, Float(0)))
			live("f64 IS NULL", lookup(t, x, Null()))
			between(x, "f64 < 0", Unbounded(), Excluding(Float(0)))
			between(x, "f64 > 49", Excluding(Float(49)), Unbounded())
			between(x, "f64 >= 49.75", Including(Float(49.75)), Unbounded())
		case name == "utf8":
			live("utf8 = 'v31'", lookup(t, x, Text("v31")))
			live("utf8 = ''", lookup(t, x, Text("")))
			live("utf8 IS NULL", lookup(t, x, Null()))
			between(x, "utf8 > 'v98'", Excluding(Text("v98")), Unbounded())
		case name == "bool":
			live("bool", lookup(t, x, Bool(true)))
			live("NOT bool", lookup(t, x, Bool(false)))
			live("bool IS NULL", lookup(t, x, Null()))
		case name == "uint64":
			between(x, "u64 > 18446744073709551610", Excluding(Uint(18446744073709551610)), Unbounded())
		case strings.HasPrefix(name, "timestamp"):
			between(x, "ts < timestamp '1969-12-31 23:52:00'", Unbounded(), Excluding(Int(-480_000)))
		default:
			t.Errorf("an index of %s", name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows found (-LanceDB +ours):\n%s", diff)
	}
}
