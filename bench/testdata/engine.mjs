// Makes the table of "bench engine" and asks LanceDB its queries.
//
//   node engine.mjs build URI STORAGE_JSON SPEC_FILE        {base, generations, rows, dim, seed, centers, spread}
//   node engine.mjs run   URI STORAGE_JSON QUERIES_FILE    {warmups, queries: [{kind, id | match | vector | from}]}
//
// run prints {"open": milliseconds, "cpu": milliseconds, "answers": [{"ms", "rows", "ids"}]}: the time from connecting to
// the open table, and from asking to the last row for each query; and this process's processor time from the end of the
// first few queries, the warmups, on.
import { createRequire } from "node:module";
import fs from "node:fs";
const require = createRequire(process.env.LANCEDB_MODULES + "/");
const lancedb = require("@lancedb/lancedb");
const arrow = require("apache-arrow");

const [mode, uri, storage, rest] = process.argv.slice(2);
const options = { storageOptions: JSON.parse(storage), readConsistencyInterval: 0 };

function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

async function build(spec) {
  const random = generator(spec.seed);
  const below = (n) => Math.floor(random() * n);
  const word = () => "w" + String(Math.floor(2000 * random() ** 3)).padStart(4, "0");
  const row = (i) => {
    const center = spec.centers[below(spec.centers.length)];
    return {
      id: "id-" + String(i).padStart(8, "0"),
      n: i,
      text: Array.from({ length: 5 + below(25) }, word).join(" "),
      vector: center.map((c) => Math.fround(c + (random() + random() + random() - 1.5) * spec.spread)),
    };
  };
  const db = await lancedb.connect(uri, options);
  const t = await db.createEmptyTable("bench", new arrow.Schema([
    new arrow.Field("id", new arrow.Utf8(), false),
    new arrow.Field("n", new arrow.Int32(), true),
    new arrow.Field("text", new arrow.Utf8(), true),
    new arrow.Field("vector", new arrow.FixedSizeList(spec.dim, new arrow.Field("item", new arrow.Float32(), true)), true),
  ]));
  await t.add(Array.from({ length: spec.base }, (_, i) => row(i)));
  await t.createIndex("id", { config: lancedb.Index.btree() });
  await t.createIndex("text", { config: lancedb.Index.fts({ withPosition: true }) });
  await t.createIndex("vector", { config: lancedb.Index.hnswSq({ numPartitions: 1, distanceType: "l2" }) });
  await t.setUnenforcedPrimaryKey("id");
  await t.setLsmWriteSpec({ specType: "unsharded", writerConfigDefaults: { max_memtable_rows: String(spec.rows * 10) } });
  let next = spec.base;
  for (let g = 0; g < spec.generations; g++) {
    const keys = new Set(); // half of them replace a row
    while (keys.size < spec.rows / 2) keys.add(below(next));
    while (keys.size < spec.rows) keys.add(next++);
    const all = [...keys];
    for (let at = 0; at < all.length; at += 5000) {
      await t.mergeInsert("id").whenMatchedUpdateAll().whenNotMatchedInsertAll().execute(all.slice(at, at + 5000).map(row));
    }
    await t.closeLsmWriters();
  }
  t.close();
  console.log(JSON.stringify({ keys: next }));
}

async function run({ warmups, queries }) {
  const began = performance.now();
  const db = await lancedb.connect(uri, options);
  const t = await db.openTable("bench");
  const open = performance.now() - began;
  const columns = ["id", "n", "text"];
  const ask = {
    lookup: (q) => t.query().where(`id = '${q.id}'`).select(columns),
    text: (q) => t.query().fullTextSearch(q.match, { columns: ["text"] }).select(columns).limit(10),
    vector: (q) => t.vectorSearch(q.vector).refineFactor(4).select(columns).limit(10),
    range: (q) => t.query().where(`n >= ${q.from} AND n < ${q.from + 100}`).select(columns),
    scan: () => t.query(),
  };
  const answers = [];
  let cpu = process.cpuUsage();
  for (const q of queries) {
    if (answers.length === warmups) cpu = process.cpuUsage();
    const from = performance.now();
    const found = await ask[q.kind](q).toArrow();
    const ms = performance.now() - from;
    const id = found.getChild("id");
    const ids = q.kind === "scan" ? [] : Array.from({ length: found.numRows }, (_, i) => id.get(i)).sort();
    answers.push({ ms, rows: found.numRows, ids });
  }
  cpu = process.cpuUsage(cpu);
  console.log(JSON.stringify({ open, cpu: (cpu.user + cpu.system) / 1000, answers }));
}

if (mode === "build") await build(JSON.parse(fs.readFileSync(rest, "utf8")));
else await run(JSON.parse(fs.readFileSync(rest, "utf8")));
