// Writes the BTree indexes that the tests read, and answers.json: the rows that LanceDB
// itself finds through them. Row i's values are pure functions of i (see value in
// data_test.go, which repeats them).
//
//   npm install @lancedb/lancedb@0.39.0 apache-arrow@18.1.0
//   node generate.mjs TESTDATA_DIR
import * as lancedb from "@lancedb/lancedb";
import * as arrow from "apache-arrow";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

const out = process.argv[2] ?? ".";
const dir = fs.mkdtempSync(path.join(os.tmpdir(), "btree-"));
const db = await lancedb.connect(dir);
const N = 9000;

const special = [NaN, -0, 0, -Infinity, Infinity];
const columns = {
  i64: [new arrow.Int64(), (i) => BigInt((i * 7919) % N) * 1000000007n - 3000000000000n],
  i32: [new arrow.Int32(), (i) => (i % 2 ? null : ((i * 31) % 700) - 350)],
  u8: [new arrow.Uint8(), (i) => i % 251],
  f64: [new arrow.Float64(), (i) => (i % 3 === 0 ? null : i % 50 < 5 ? special[i % 5] : ((i * 7919) % 1000) / 8 - 50)],
  f32: [new arrow.Float32(), (i) => (i % 64) / 4 - 8],
  bool: [new arrow.Bool(), (i) => (i % 7 === 0 ? null : i % 2 === 0)],
  utf8: [new arrow.Utf8(), (i) => (i % 5 === 0 ? null : i % 97 === 1 ? "" : `k${(i * 31) % 1500}é`)],
  date32: [new arrow.DateDay(), (i) => new Date((((i * 31) % 900) - 100) * 86400000)],
  none: [new arrow.Int32(), () => null],
};
const schema = new arrow.Schema([
  new arrow.Field("row", new arrow.Int32(), false),
  ...Object.entries(columns).map(([name, [type]]) => new arrow.Field(name, type, true)),
]);
const rows = Array.from({ length: N }, (_, i) => ({
  row: i,
  ...Object.fromEntries(Object.entries(columns).map(([name, [, f]]) => [name, f(i)])),
}));
const indexed = { "2.0": ["f64", "utf8"], 2.2: Object.keys(columns) };
const queries = [
  "i64 = -2998999999993", "i64 = -3000000000000", "i64 < -2999000000000", "i64 >= 5999000000000", "i64 = 5",
  "i32 = -6", "i32 IS NULL", "i32 > 340", "i32 <= -349", "i32 IN (1, 5, -350, 9999)",
  "u8 = 0", "u8 = 250", "u8 > 248",
  "f64 = 0", "f64 = -0.0", "f64 < 0", "f64 <= -0.0", "f64 > -0.0", "f64 >= 0", "f64 = 12.75", "f64 < -49", "f64 > 74", "f64 IS NULL", "f64 >= -1 AND f64 < 1", "f64 IS NOT NULL",
  "f32 = 0.25", "f32 > 7.5", "bool", "NOT bool", "bool IS NULL",
  "utf8 = 'k31é'", "utf8 = ''", "utf8 IS NULL", "utf8 < 'k10'", "utf8 > 'k99'", "utf8 = 'absent'",
  "date32 = date '1970-01-02'", "date32 < date '1969-10-01'", "none IS NULL", "none = 1", "none > 1",
];
const answers = {};
for (const [version, names] of Object.entries(indexed)) {
  const t = await db.createTable(`t${version.replace(".", "")}`, lancedb.makeArrowTable(rows, { schema }), {
    storageOptions: { new_table_data_storage_version: version },
  });
  for (const name of names) {
    const before = fs.existsSync(`${dir}/${t.name}.lance/_indices`) ? fs.readdirSync(`${dir}/${t.name}.lance/_indices`) : [];
    await t.createIndex(name, { config: lancedb.Index.btree() });
    const made = fs.readdirSync(`${dir}/${t.name}.lance/_indices`).filter((d) => !before.includes(d));
    const to = path.join(out, version, name);
    fs.mkdirSync(to, { recursive: true });
    for (const f of ["page_lookup.lance", "page_data.lance"]) fs.copyFileSync(`${dir}/${t.name}.lance/_indices/${made[0]}/${f}`, `${to}/${f}`);
  }
  if (version === "2.2") {
    for (const q of queries) {
      const found = (await t.query().where(q).select(["row"]).limit(N).toArray()).map((r) => r.row);
      answers[q] = { count: found.length, sum: found.reduce((a, b) => a + b, 0) };
    }
  }
}
fs.writeFileSync(path.join(out, "answers.json"), JSON.stringify(answers, null, 1) + "\n");

// A generation whose _pk_index has more than one page, with superseded duplicates.
const pkSchema = new arrow.Schema([new arrow.Field("id", new arrow.Int64(), false), new arrow.Field("n", new arrow.Int32(), true)]);
const pkRows = (a, b) =>
  lancedb.makeArrowTable(
    Array.from({ length: b - a }, (_, k) => ({ id: BigInt((((a + k) % 9000) * 7919) % 9000), n: a + k })),
    { schema: pkSchema },
  );
const t = await db.createTable("pk", pkRows(0, 1));
await t.setUnenforcedPrimaryKey("id");
await t.setLsmWriteSpec({ specType: "unsharded" });
await t.mergeInsert("id").whenMatchedUpdateAll().whenNotMatchedInsertAll().execute(pkRows(0, 9000));
await t.mergeInsert("id").whenMatchedUpdateAll().whenNotMatchedInsertAll().execute(pkRows(9000, 9400));
await t.closeLsmWriters();
const shards = path.join(dir, "pk.lance", "_mem_wal");
const shard = path.join(shards, fs.readdirSync(shards)[0]);
const generations = fs.readdirSync(shard).filter((n) => n.includes("_gen_"));
if (generations.length !== 1) throw new Error(`generations ${generations}`);
fs.cpSync(path.join(shard, generations[0], "_pk_index"), path.join(out, "pk"), { recursive: true });
fs.rmSync(dir, { recursive: true });
process.exit(0);
