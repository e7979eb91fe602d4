package lsm_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/memwal/lancedbtest"
	"github.com/hearthcache/hearth/lsm"
)

// craft has LanceDB write plain tables and makes generations of them: they have tombstones, but neither a primary-key
// index nor a bloom filter.
const craft = `
import * as lancedb from "@lancedb/lancedb";
import * as arrow from "apache-arrow";
const db = await lancedb.connect(process.argv[2]);
const key = (p) => new Map([["lance-schema:unenforced-primary-key:position", p]]);
const schema = (tomb) => new arrow.Schema([
  new arrow.Field("id", new arrow.Utf8(), false, key("1")), new arrow.Field("k2", new arrow.Int64(), false, key("2")),
  new arrow.Field("n", new arrow.Int32(), true), new arrow.Field("text", new arrow.Utf8(), true),
  ...(tomb ? [new arrow.Field("_tombstone", new arrow.Bool(), false)] : []),
]);
const make = async (name, tomb, rows) => db.createTable(name, arrow.vectorFromArray ? lancedb.makeArrowTable(rows, { schema: schema(tomb) }) : rows);
const row = (id, k2, n, t) => ({ id, k2: BigInt(k2), n, text: n === null ? null : "row " + n, ...(t === undefined ? {} : { _tombstone: t }) });
await make("c", false, [row("a", 1, 10), row("a", 2, 11), row("b", 1, 12), row("c", 1, 13)]);
await make("g1", true, [row("a", 1, 20, false), row("b", 1, null, true), row("d", 1, 21, false)]);
await make("g2", true, [row("a", 2, null, true), row("d", 1, null, true), row("e", 1, 30, false)]);
await make("g3", true, [row("d", 1, 40, false), row("c", 1, 41, false)]);
`

func TestTombstonesCompositeKeysAndGenerationsWithoutIndexes(t *testing.T) {
	dir := t.TempDir()
	lancedbtest.Node(t, craft, dir)
	shard := memwal.UnshardedShardID()
	at := filepath.Join(dir, "c.lance", "_mem_wal", shard.String())
	if err := os.MkdirAll(filepath.Join(at, "manifest"), 0o700); err != nil {
		t.Fatal(err)
	}
	m := &memwal.ShardManifest{Version: 1, WriterEpoch: 1, CurrentGeneration: 4, ShardSpecID: 1, ShardID: shard}
	for i, name := range []string{"g1", "g2", "g3"} {
		g := memwal.GenerationDir(uint32(i+77), uint64(i+1))
		if err := os.Rename(filepath.Join(dir, name+".lance"), filepath.Join(at, g)); err != nil {
			t.Fatal(err)
		}
		m.SSTables = append(m.SSTables, memwal.SSTable{Generation: uint64(i + 1), Path: g})
	}
	b, err := memwal.EncodeShardManifest(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(at, "manifest", memwal.ManifestName(1)), b, 0o600); err != nil {
		t.Fatal(err)
	}
	_, s := openTable(t, dir, "c.lance", lsm.Options{})
	if diff := gocmp.Diff([]string{"id", "k2"}, s.PrimaryKey()); diff != "" {
		t.Fatal(diff)
	}
	want := map[string]int64{"a1": 20, "c1": 41, "d1": 40, "e1": 30}
	for _, o := range []lsm.ScanOptions{{}, {Where: "n IS NOT NULL"}, {Where: "n IS NULL OR n > 0"}} {
		got := map[string]int64{}
		for _, x := range scan(t, s, o) {
			n, _ := x["n"].(int64)
			got[x["id"].(string)+string(rune('0'+x["k2"].(int64)))] = n
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", o.Where, diff)
		}
	}
	for id, k2s := range map[string][]int64{"a": {1, 2}, "b": {1}, "c": {1}, "d": {1}, "e": {1, 2}, "f": {1}} {
		for _, k2 := range k2s {
			var plan lsm.Plan
			f, err := s.Lookup(t.Context(), []lsm.PrimaryKey{{id, k2}}, lsm.LookupOptions{Columns: []string{"n"}, Plan: &plan})
			if err != nil {
				t.Fatal(err)
			}
			n, exists := want[id+string(rune('0'+k2))]
			rows := rowsOf(t, f.Records)
			if exists != (len(rows) == 1) || exists && rows[0]["n"] != n {
				t.Errorf("%s %d: got %v, want %d (%v)\n%v", id, k2, rows, n, exists, &plan)
			}
			f.Release()
		}
	}
	if _, err := uuid.Parse(s.Generations()[0].Shard); err != nil {
		t.Error(err)
	}
}
