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
