package memwal

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/hearthcache/hearth/lance/memwal/lancedbtest"
)

const liveTable = `
import * as lancedb from "@lancedb/lancedb"; import * as arrow from "apache-arrow";
const schema = new arrow.Schema([new arrow.Field("id", new arrow.Int64(), false), new arrow.Field("text", new arrow.Utf8(), true)]);
const rows = (...ids) => lancedb.makeArrowTable(ids.map((i) => ({ id: BigInt(i), text: "lancedb " + i })), { schema });
const upsert = (t, ...ids) => t.mergeInsert("id").whenMatchedUpdateAll().whenNotMatchedInsertAll().execute(rows(...ids));
const all = async (t) => (await t.query().toArray()).map((r) => r.id + " " + r.text).sort();
const db = await lancedb.connect(process.argv[2]);
`

func TestLanceDBReplaysAnEntryAndAManifestWrittenHere(t *testing.T) {
	dir := t.TempDir()
	lancedbtest.Node(t, liveTable+`
const t = await db.createTable("t", rows(1, 2, 3));
await t.setUnenforcedPrimaryKey("id");
await t.setLsmWriteSpec({ specType: "unsharded" });
await upsert(t, 10, 11);
await t.closeLsmWriters();
process.exit(0);
`, dir)
	shard := UnshardedShardID().String()
	table := filepath.Join(dir, "t.lance")

	schema, err := EntrySchema(arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.PrimitiveTypes.Int64, Metadata: arrow.MetadataFrom(map[string]string{PrimaryKeyPositionKey: "1"})},
		{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true},
	}, nil), "id")
	if err != nil {
		t.Fatal(err)
	}
	batch, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(`[
		{"id":20,"text":"hearth 20","_tombstone":false},
		{"id":10,"text":"hearth 10","_tombstone":false},
		{"id":2,"text":null,"_tombstone":true}]`))
	if err != nil {
		t.Fatal(err)
	}
	defer batch.Release()
	entry, err := EncodeEntry(&Entry{Epoch: 2, Nonce: "0123", Schema: schema, Batches: []arrow.RecordBatch{batch}})
	if err != nil {
		t.Fatal(err)
	}
	fence, err := EncodeEntry(&Entry{Epoch: 2, Fence: true})
	if err != nil {
		t.Fatal(err)
	}

	// Claim the shard as LanceDB's second writer would: a manifest, a fence, then rows.
	data, err := os.ReadFile(filepath.Join(dir, "t.lance", filepath.FromSlash(VersionHintPath("", shard))))
	if err != nil {
		t.Fatal(err)
	}
	version, err := DecodeVersionHint(data)
	if err != nil {
		t.Fatal(err)
	}
	if data, err = os.ReadFile(filepath.Join(table, filepath.FromSlash(ManifestPath("", shard, version)))); err != nil {
		t.Fatal(err)
	}
	m, err := DecodeShardManifest(data)
	if err != nil {
		t.Fatal(err)
	}
	next := m.Clone()
	next.Version++
	next.WriterEpoch++
	manifest, err := EncodeShardManifest(next)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		ManifestPath("", shard, next.Version): manifest,
		VersionHintPath("", shard):            EncodeVersionHint(next.Version),
		WALPath("", shard, m.LastSeen+1):      fence,
		WALPath("", shard, m.LastSeen+2):      entry,
	} {
		if err := os.WriteFile(filepath.Join(table, filepath.FromSlash(name)), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	var got struct{ Open, Closed []string }
	out := lancedbtest.Node(t, liveTable+`
const t = await db.openTable("t");
await upsert(t, 30);
const open = await all(t);
await t.closeLsmWriters();
console.log(JSON.stringify({ open, closed: await all(await (await lancedb.connect(process.argv[2])).openTable("t")) }));
process.exit(0);
`, dir)
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := []string{"1 lancedb 1", "10 hearth 10", "11 lancedb 11", "20 hearth 20", "3 lancedb 3", "30 lancedb 30"}
	if diff := cmp.Diff(want, got.Open); diff != "" {
		t.Errorf("with the writer open (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, got.Closed); diff != "" {
		t.Errorf("after its flush (-want +got):\n%s", diff)
	}
}

// TestTablesWithKeysOfSeveralColumnsAreShardedAlike lets LanceDB route rows whose primary
// key has two columns, by either of them and by a column outside of the key.
func TestTablesWithKeysOfSeveralColumnsAreShardedAlike(t *testing.T) {
	out := lancedbtest.Node(t, `
import * as lancedb from "@lancedb/lancedb"; import * as arrow from "apache-arrow"; import fs from "node:fs";
const dir = process.argv[2];
const db = await lancedb.connect(dir);
const key = (n) => new Map([["lance-schema:unenforced-primary-key", "true"], ["lance-schema:unenforced-primary-key:position", String(n)]]);
const schema = new arrow.Schema([
  new arrow.Field("a", new arrow.Int64(), false, key(1)), new arrow.Field("b", new arrow.Utf8(), false, key(2)), new arrow.Field("n", new arrow.Int32(), true),
]);
const rows = (...r) => lancedb.makeArrowTable(r.map(([a, b, n]) => ({ a: BigInt(a), b, n })), { schema });
const shards = [];
for (const [i, [specType, column]] of [["bucket", "a"], ["bucket", "b"], ["bucket", "n"], ["identity", "b"]].entries()) {
  const t = await db.createTable("t" + i, rows([0, "base", 0]));
  await t.setLsmWriteSpec(specType === "bucket" ? { specType, column, numBuckets: 1000 } : { specType, column });
  const list = () => (fs.existsSync(dir + "/t" + i + ".lance/_mem_wal") ? fs.readdirSync(dir + "/t" + i + ".lance/_mem_wal") : []);
  for (const r of [[-50, "zz", 5], [1, "a", null]]) {
    const before = list();
    await t.mergeInsert(["a", "b"]).whenMatchedUpdateAll().whenNotMatchedInsertAll().execute(rows(r));
    await t.closeLsmWriters();
    shards.push(list().filter((s) => !before.includes(s)).join());
  }
}
console.log(JSON.stringify(shards));
process.exit(0);
`, t.TempDir())
	var got []string
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	rec, _, err := array.RecordFromJSON(mem, arrow.NewSchema([]arrow.Field{
		{Name: "a", Type: arrow.PrimitiveTypes.Int64},
		{Name: "b", Type: arrow.BinaryTypes.String},
		{Name: "n", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
	}, nil), strings.NewReader(`[{"a":-50,"b":"zz","n":5},{"a":1,"b":"a","n":null}]`))
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Release()
	buckets := map[string]string{ParameterNumBuckets: "1000"}
	var want []string
	for _, c := range []struct {
		spec   ShardingSpec
		column int
	}{{specOf(TransformBucket, buckets), 0}, {specOf(TransformBucket, buckets), 1}, {specOf(TransformBucket, buckets), 2}, {specOf(TransformIdentity, nil), 1}} {
		for row := range 2 {
			id, err := c.spec.Shard(rec.Column(c.column), row)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, id.String())
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("shards (-ours +LanceDB):\n%s", diff)
	}
}
