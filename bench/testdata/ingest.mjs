// LanceDB's part in "bench ingest".
//
//   node ingest.mjs make URI STORAGE_JSON SPEC_FILE   {tables, base, writer}: makes tables with indexes that it maintains
//   node ingest.mjs put  URI STORAGE_JSON SPEC_FILE   {table, batches, clients}: upserts batches, flushes, and says how long
//   node ingest.mjs ask  URI STORAGE_JSON SPEC_FILE   {table, queries: [{match | phrase | id | vector}]}: ids for each query
//
// Batches are files of Arrow IPC. put reads them first, and hands them to the native side as they are: of JavaScript only
// the calls are measured.
import { createRequire } from "node:module";
import fs from "node:fs";
const require = createRequire(process.env.LANCEDB_MODULES + "/");
const lancedb = require("@lancedb/lancedb");
const arrow = require("apache-arrow");

const [mode, uri, storage, file] = process.argv.slice(2);
const options = { storageOptions: JSON.parse(storage), readConsistencyInterval: 0 };
const spec = JSON.parse(fs.readFileSync(file, "utf8"));
const { Index } = lancedb;

async function make() {
  const db = await lancedb.connect(uri, options);
  const base = arrow.tableFromIPC(fs.readFileSync(spec.base));
  for (const name of spec.tables) {
    const t = await db.createEmptyTable(name, base.schema);
    await t.add(base);
    await t.createIndex("id", { config: Index.btree() });
    await t.createIndex("text", { config: Index.fts({ withPosition: true }) });
    await t.createIndex("vector", { config: Index.hnswSq({ numPartitions: 1, distanceType: "l2" }) });
    await t.setUnenforcedPrimaryKey("id");
    await t.setLsmWriteSpec({ specType: "unsharded", maintainedIndexes: ["id_idx", "text_idx", "vector_idx"], writerConfigDefaults: spec.writer });
    t.close();
  }
  return {};
}

async function put() {
  const batches = spec.batches.map((name) => fs.readFileSync(name));
  const from = process.cpuUsage();
  const began = performance.now();
  const db = await lancedb.connect(uri, options);
  const t = await db.openTable(spec.table);
  const puts = [];
  let next = 0;
  const opened = performance.now();
  const client = async () => {
    while (next < batches.length) {
      const b = batches[next++];
      const from = performance.now();
      await t.inner.mergeInsert(["id"]).whenMatchedUpdateAll().whenNotMatchedInsertAll().useLsm(true).execute(b);
      puts.push(performance.now() - from);
    }
  };
  await Promise.all(Array.from({ length: spec.clients }, client));
  const acknowledged = performance.now();
  await t.closeLsmWriters();
  const closed = performance.now();
  const cpu = process.cpuUsage(from);
  return {
    open: opened - began, put: acknowledged - opened, close: closed - acknowledged, puts,
    cpu: (cpu.user + cpu.system) / 1000, memory: process.resourceUsage().maxRSS * 1024,
  };
}

async function ask() {
  const db = await lancedb.connect(uri, options);
  const t = await db.openTable(spec.table);
  const answers = [];
  for (const q of spec.queries) {
    let x = q.vector ? t.vectorSearch(q.vector).refineFactor(4) : t.query();
    if (q.match) x = x.fullTextSearch(new lancedb.MatchQuery(q.match, "text"));
    if (q.phrase) x = x.fullTextSearch(new lancedb.PhraseQuery(q.phrase, "text"));
    if (q.id) x = x.where(`id = '${q.id}'`);
    const found = await x.select(["id"]).limit(q.vector ? 10 : 10_000_000).toArrow();
    const id = found.getChild("id");
    answers.push(Array.from({ length: found.numRows }, (_, i) => id.get(i)).sort());
  }
  t.close();
  return answers;
}

console.log(JSON.stringify(await { make, put, ask }[mode]()));
