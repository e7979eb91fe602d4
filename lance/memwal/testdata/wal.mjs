// Writes wal-1.arrow, wal-2.arrow and wal-3.arrow: rows, a fence and rows again, as two
// LanceDB writers leave them one after the other.
//
//   npm install @lancedb/lancedb@0.39.0 apache-arrow@18.1.0
//   node wal.mjs TESTDATA_DIR
import * as lancedb from "@lancedb/lancedb";
import * as arrow from "apache-arrow";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

const out = process.argv[2] ?? ".";
const dir = fs.mkdtempSync(path.join(os.tmpdir(), "wal-"));
const db = await lancedb.connect(dir);
const schema = new arrow.Schema([
  new arrow.Field("id", new arrow.Int64(), false),
  new arrow.Field("n", new arrow.Int32(), false),
  new arrow.Field("text", new arrow.Utf8(), true),
]);
const rows = (a, b) =>
  lancedb.makeArrowTable(
    Array.from({ length: b - a }, (_, k) => ({ id: BigInt(a + k), n: a + k, text: (a + k) % 3 ? `text ${a + k}` : null })),
    { schema },
  );
const t = await db.createTable("t", rows(0, 2));
await t.setUnenforcedPrimaryKey("id");
await t.setLsmWriteSpec({ specType: "unsharded" });
for (const [a, b] of [[10, 15], [20, 22]]) {
  await t.mergeInsert("id").whenMatchedUpdateAll().whenNotMatchedInsertAll().execute(rows(a, b));
  await t.closeLsmWriters();
}
const shards = path.join(dir, "t.lance", "_mem_wal");
const wal = path.join(shards, fs.readdirSync(shards)[0], "wal");
const rev64 = (n) => n.toString(2).padStart(64, "0").split("").reverse().join("");
for (const n of [1, 2, 3]) fs.copyFileSync(path.join(wal, `${rev64(n)}.arrow`), path.join(out, `wal-${n}.arrow`));
fs.rmSync(dir, { recursive: true });
process.exit(0);
