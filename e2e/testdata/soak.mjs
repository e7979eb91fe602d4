// Makes a MemWAL table whose one generation is large, or queries it in a fresh process. Prints one line of JSON.
//
//   node soak.mjs write|KIND ROWS DIM URI STORAGE_OPTIONS_JSON
//
// Rows are a pure function of their number.
import { createRequire } from "node:module";
import { createHash } from "node:crypto";
const require = createRequire(process.env.LANCEDB_MODULES + "/");
const lancedb = require("@lancedb/lancedb");
const arrow = require("apache-arrow");

const [mode, rowsText, dimText, uri, storage] = process.argv.slice(2);
const ROWS = Number(rowsText);
const DIM = Number(dimText);
const BASE = 1000; // of which half are superseded by the generation
const BATCH = 20000;
const words = Array.from({ length: 5000 }, (_, k) => "w" + (k * 7919 % 5003).toString(36));
const id = (i) => `id-${String(i).padStart(9, "0")}`;
const noise = (i, k) => {
  let x = Math.imul(i * 2654435761 + k * 40503 + 12345, 2246822519);
  x ^= x >>> 15;
  x = Math.imul(x, 3266489917);
  return ((x ^ (x >>> 13)) >>> 0) / 4294967296;
};
// Common words are common: the square of a uniform number prefers the first ones.
const text = (i) => Array.from({ length: 6 + (i % 9) }, (_, k) => words[Math.floor(noise(i, k) ** 2 * words.length)]).join(" ");
const schema = new arrow.Schema([
  new arrow.Field("id", new arrow.Utf8(), false),
  new arrow.Field("text", new arrow.Utf8(), true),
  new arrow.Field("n", new arrow.Int32(), true),
  new arrow.Field("vector", new arrow.FixedSizeList(DIM, new arrow.Field("item", new arrow.Float32(), true)), true),
]);
// Clusters, as embeddings have them.
const vector = (i) => Float32Array.from({ length: DIM }, (_, k) => Math.sin((i % 97) * 1.7 + k) + 0.3 * noise(i, 1000 + k));
const batch = (from, to) => {
  const n = to - from;
  const numbers = Array.from({ length: n }, (_, k) => from + k);
  const flat = new Float32Array(n * DIM);
  numbers.forEach((i, k) => flat.set(vector(i), k * DIM));
  const item = arrow.makeData({ type: new arrow.Float32(), length: flat.length, data: flat });
  const list = arrow.makeData({ type: schema.fields[3].type, length: n, child: item });
  return new arrow.Table(schema, {
    id: arrow.vectorFromArray(numbers.map(id), new arrow.Utf8()),
    text: arrow.vectorFromArray(numbers.map(text), new arrow.Utf8()),
    n: arrow.vectorFromArray(numbers, new arrow.Int32()),
    vector: new arrow.Vector([list]),
  });
};

const db = await lancedb.connect(uri, { storageOptions: JSON.parse(storage), readConsistencyInterval: 0 });
if (mode === "write") {
  const t = await db.createEmptyTable("soak", schema);
  await t.add(batch(0, BASE));
  await t.createIndex("id", { config: lancedb.Index.btree() });
  await t.createIndex("text", { config: lancedb.Index.fts({ withPosition: false }) });
  await t.createIndex("vector", { config: lancedb.Index.ivfFlat({ numPartitions: 1 }) });
  await t.setUnenforcedPrimaryKey("id");
  const most = "10000000000";
  await t.setLsmWriteSpec({
    specType: "unsharded",
    writerConfigDefaults: { max_memtable_rows: String(2 * ROWS), max_memtable_size: most, max_unflushed_memtable_bytes: most + "0", max_memtable_batches: "100000" },
  });
  for (let from = BASE / 2; from < BASE / 2 + ROWS; from += BATCH) {
    await t.mergeInsert("id").whenMatchedUpdateAll().whenNotMatchedInsertAll().execute(batch(from, Math.min(from + BATCH, BASE / 2 + ROWS)));
  }
  await t.closeLsmWriters();
  t.close();
  console.log(JSON.stringify({ rows: ROWS }));
} else {
  const began = performance.now();
  const t = await db.openTable("soak");
  const last = BASE / 2 + ROWS - 1;
  const kinds = {
    "point newest": () => t.query().where(`id = '${id(last)}'`).toArray(),
    "point base": () => t.query().where(`id = '${id(3)}'`).toArray(),
    "point missing": () => t.query().where("id = 'nobody'").toArray(),
    range: () => t.query().where(`n >= ${last - 100}`).toArray(),
    text: () => t.query().fullTextSearch(words[4900], { columns: ["text"] }).limit(100000).toArray(),
    vector: () => t.vectorSearch(vector(last)).limit(20).toArray(),
    scan: () => t.query().select(["id", "n"]).toArray(),
  };
  const found = await kinds[mode]();
  const milliseconds = performance.now() - began;
  const lines = found.map((r) => `${r.id} ${r.n} ${r.text ?? ""} ${r._distance ?? ""}`).sort();
  console.log(JSON.stringify({
    answer: { rows: lines.length, sha256: createHash("sha256").update(lines.join("\n")).digest("hex") },
    milliseconds,
  }));
}
