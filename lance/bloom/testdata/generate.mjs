// Writes int32.bin, int64.bin and binary.bin: the bloom filters of generations that
// LanceDB flushed, one for each type of primary key. Keys are f(i) for 3 <= i < 60.
//
//   npm install @lancedb/lancedb@0.39.0 apache-arrow@18.1.0
//   node generate.mjs TESTDATA_DIR
import * as lancedb from "@lancedb/lancedb";
import * as arrow from "apache-arrow";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

const out = process.argv[2] ?? ".";
const dir = fs.mkdtempSync(path.join(os.tmpdir(), "bloom-"));
const db = await lancedb.connect(dir);
const bytes = (i) => new Uint8Array([...[i & 255, i >> 8, 0, 255].slice(0, 1 + (i % 4)), i & 255, i >> 8]);
const types = {
  int32: [new arrow.Int32(), (i) => i - 50],
  int64: [new arrow.Int64(), (i) => BigInt(i - 50)],
  binary: [new arrow.Binary(), bytes],
};
for (const [name, [type, f]] of Object.entries(types)) {
  const schema = new arrow.Schema([new arrow.Field("id", type, false), new arrow.Field("n", new arrow.Int32(), true)]);
  const rows = (a, b) =>
    lancedb.makeArrowTable(
      Array.from({ length: b - a }, (_, k) => ({ id: f(a + k), n: a + k })),
      { schema },
    );
  const t = await db.createTable(name, rows(0, 2));
  await t.setUnenforcedPrimaryKey("id");
  await t.setLsmWriteSpec({ specType: "unsharded" });
  await t.mergeInsert("id").whenMatchedUpdateAll().whenNotMatchedInsertAll().execute(rows(3, 60));
  await t.closeLsmWriters();
  const shards = path.join(dir, `${name}.lance`, "_mem_wal");
  const shard = path.join(shards, fs.readdirSync(shards)[0]);
  const generation = fs.readdirSync(shard).find((n) => n.endsWith("_gen_1"));
  fs.copyFileSync(path.join(shard, generation, "bloom_filter.bin"), path.join(out, `${name}.bin`));
}
fs.rmSync(dir, { recursive: true });
process.exit(0);
