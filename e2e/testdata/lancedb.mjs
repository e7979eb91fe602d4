// Drives LanceDB through a life of a table and prints what it saw, one JSON line a step:
// create, add, index, query, merge-insert, MemWAL upserts and flushes, and again queries.
//
//   node lancedb.mjs write|read URI STORAGE_OPTIONS_JSON
//
// Rows are a pure function of their number, so two runs on two endpoints print the same.
import { createRequire } from "node:module";
import { createHash } from "node:crypto";
const require = createRequire(process.env.LANCEDB_MODULES + "/");
const lancedb = require("@lancedb/lancedb");
const arrow = require("apache-arrow");

const [mode, uri, storage] = process.argv.slice(2);
const DIM = 16;
const words = "ash birch cedar elm fir hazel larch maple oak pine rowan spruce willow yew".split(" ");
const row = (i, rev) => ({
  id: `id-${String(i).padStart(6, "0")}`,
  text: Array.from({ length: 5 + (i % 7) }, (_, k) => words[(i * 7 + k * k * 3 + rev) % words.length]).join(" ") + ` rev${rev}`,
  n: i,
  vector: Array.from({ length: DIM }, (_, k) => Math.fround(Math.sin(i * 0.7 + k * 1.3 + rev))),
});
const rows = (from, to, rev) => Array.from({ length: to - from }, (_, k) => row(from + k, rev));
const say = (step, value) => console.log(JSON.stringify({ step, value }));
const digest = (found) => {
  const lines = found.map((r) => JSON.stringify({ id: r.id, text: r.text, n: r.n, vector: Array.from(r.vector) })).sort();
  return { rows: lines.length, sha256: createHash("sha256").update(lines.join("\n")).digest("hex") };
};
const ids = (found) => found.map((r) => r.id).sort();

const db = await lancedb.connect(uri, { storageOptions: JSON.parse(storage), readConsistencyInterval: 0 });

async function queries(t, when) {
  say(`${when}: scan`, digest(await t.query().toArray()));
  say(`${when}: base`, digest(await t.query().useLsm(false).toArray()));
  say(`${when}: count`, await t.countRows());
  for (const id of ["id-000003", "id-000777", "id-001100", "id-009999"]) {
    say(`${when}: point ${id}`, (await t.query().where(`id = '${id}'`).toArray()).map((r) => r.text));
  }
  say(`${when}: in`, ids(await t.query().where("id IN ('id-000001','id-000790','id-001001')").toArray()));
  say(`${when}: range`, ids(await t.query().where("n >= 740 AND n < 760").toArray()));
  say(`${when}: limit`, (await t.query().limit(7).toArray()).length);
  say(`${when}: text`, ids(await t.query().fullTextSearch("cedar rowan", { columns: ["text"] }).limit(2000).toArray()));
  say(`${when}: phrase`, ids(await t.query().fullTextSearch(new lancedb.PhraseQuery("ash elm", "text")).limit(2000).toArray()));
  say(`${when}: vector`, ids(await t.vectorSearch(row(812, 1).vector).limit(5).toArray()));
  say(`${when}: filtered vector`, ids(await t.vectorSearch(row(30, 0).vector).where("n < 100").limit(5).toArray()));
}

if (mode === "write") {
  const schema = new arrow.Schema([
    new arrow.Field("id", new arrow.Utf8(), false),
    new arrow.Field("text", new arrow.Utf8(), true),
    new arrow.Field("n", new arrow.Int32(), true),
    new arrow.Field("vector", new arrow.FixedSizeList(DIM, new arrow.Field("item", new arrow.Float32(), true)), true),
  ]);
  const t = await db.createEmptyTable("trees", schema);
  await t.add(rows(0, 500, 0));
  await t.add(rows(500, 800, 0));
  await t.createIndex("id", { config: lancedb.Index.btree() });
  await t.createIndex("text", { config: lancedb.Index.fts({ withPosition: true }) });
  await t.createIndex("vector", { config: lancedb.Index.ivfFlat({ numPartitions: 1 }) });
  await queries(t, "indexed");
  await t.mergeInsert("id").whenMatchedUpdateAll().whenNotMatchedInsertAll().execute(rows(790, 820, 1));
  await t.delete("id = 'id-000001'");
  await queries(t, "merged");
  await t.setUnenforcedPrimaryKey("id");
  await t.setLsmWriteSpec({ specType: "unsharded", writerConfigDefaults: { max_memtable_rows: "200" } });
  for (let b = 0; b < 6; b++) {
    await t.mergeInsert("id").whenMatchedUpdateAll().whenNotMatchedInsertAll().execute(rows(700 + b * 80, 800 + b * 80, b + 2));
  }
  await t.closeLsmWriters();
  await queries(t, "flushed");
  say("tables", await db.tableNames());
  t.close();
} else {
  const t = await db.openTable("trees");
  await queries(t, "fresh");
  t.close();
}
