// Writes the vector indexes of generations that LanceDB flushed, one folder for each
// data set, and answers.json: what LanceDB itself finds in them. Vector i is a pure
// function of i and the data set (see data_test.go, which repeats it).
//
//   npm install @lancedb/lancedb@0.39.0 apache-arrow@18.1.0
//   node generate.mjs TESTDATA_DIR [ROWS] [DIM] [SET...]
import * as lancedb from "@lancedb/lancedb";
import * as arrow from "apache-arrow";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

const out = process.argv[2] ?? ".";
const N = Number(process.argv[3] ?? 500);
const DIM = Number(process.argv[4] ?? 16);
const only = process.argv.slice(5);

function mulberry32(a) {
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
const random = (seed) => {
  const r = mulberry32(seed);
  return Array.from({ length: DIM }, () => r() * 2 - 1);
};
const uniform = (i) => random(i * 7919 + 1).map(Math.fround);
// Thirty clusters, a tenth as wide as they are apart.
const clustered = (i) => {
  const center = random(500000 + (i % 30));
  return random(i * 7919 + 1).map((v, d) => Math.fround(center[d] + 0.1 * v));
};
const unit = (v) => {
  const norm = Math.sqrt(v.reduce((s, x) => s + x * x, 0));
  return v.map((x) => Math.fround(x / norm));
};
const zeros = Array(DIM).fill(0);
const sets = {
  "l2-uniform": ["l2", uniform],
  "l2-clustered": ["l2", clustered],
  "cosine-unit": ["cosine", (i) => unit(clustered(i))],
  // Lengths differ by a factor of up to 16.
  "cosine-lengths": ["cosine", (i) => clustered(i).map((x) => Math.fround(x * (1 + (i * 31) % 16)))],
  "dot-unit": ["dot", (i) => unit(clustered(i))],
  // Every tenth row has no vector, and the table is of the older file version.
  "l2-nulls": ["l2", (i) => (i < 1000000 && i % 10 === 3 ? null : uniform(i)), "2.0"],
  // Sets for large generations alone: vectors that are equal to many others, and vectors
  // without any structure in more dimensions than graphs are good for.
  "l2-zeros": ["l2", (i) => (i % 2 ? uniform(i) : zeros)],
  "l2-repeats": ["l2", (i) => uniform(i % 20)],
  "cosine-random": ["cosine", (i) => unit(uniform(i))],
  "dot-lengths": ["dot", (i) => clustered(i).map((x) => Math.fround(x * (1 + (i * 31) % 16)))],
};
const answers = {};
for (const [name, [metric, vector, version]] of Object.entries(sets)) {
  if (only.length > 0 ? !only.includes(name) : ["l2-zeros", "l2-repeats", "cosine-random"].includes(name)) continue;
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "vector-"));
  const db = await lancedb.connect(dir);
  const schema = new arrow.Schema([
    new arrow.Field("id", new arrow.Int64(), false),
    new arrow.Field("vector", new arrow.FixedSizeList(DIM, new arrow.Field("item", new arrow.Float32(), true)), true),
  ]);
  const rows = (a, b) =>
    lancedb.makeArrowTable(
      Array.from({ length: b - a }, (_, k) => ({ id: BigInt(a + k), vector: vector(a + k) })),
      { schema },
    );
  const t = await db.createTable("t", rows(N, N + 300), version && { storageOptions: { new_table_data_storage_version: version } });
  await t.createIndex("vector", { config: lancedb.Index.ivfFlat({ numPartitions: 1, distanceType: metric }) });
  await t.setUnenforcedPrimaryKey("id");
  await t.setLsmWriteSpec({ specType: "unsharded", writerConfigDefaults: { max_memtable_rows: String(4 * N) } });
  await t.mergeInsert("id").whenMatchedUpdateAll().whenNotMatchedInsertAll().execute(rows(0, N));
  await t.closeLsmWriters();
  // The generation alone, opened as the table that it is.
  const shards = path.join(dir, "t.lance", "_mem_wal");
  const shard = path.join(shards, fs.readdirSync(shards)[0]);
  const generations = fs.readdirSync(shard).filter((n) => n.includes("_gen_"));
  if (generations.length !== 1) throw new Error(`${name}: generations ${generations}`);
  const generation = path.join(shard, generations[0]);
  const index = fs.readdirSync(path.join(generation, "_indices"))[0];
  const to = path.join(out, name);
  fs.mkdirSync(to, { recursive: true });
  for (const f of ["index.idx", "auxiliary.idx"]) fs.copyFileSync(path.join(generation, "_indices", index, f), path.join(to, f));
  if (process.env.WITH_DATA) fs.cpSync(path.join(generation, "data"), path.join(to, "data"), { recursive: true });
  fs.symlinkSync(generation, path.join(dir, "generation.lance"));
  const g = await db.openTable("generation");
  answers[name] = [];
  for (let q = 0; q < 10; q++) {
    // Exact distances by LanceDB: its own search without the index.
    const hits = await g.query().nearestTo(vector(1000000 + q)).distanceType(metric).bypassVectorIndex().limit(10).toArray();
    answers[name].push(hits.map((h) => [Number(h.id), h._distance]));
  }
  fs.rmSync(dir, { recursive: true });
}
fs.writeFileSync(path.join(out, "answers.json"), JSON.stringify(answers) + "\n");
process.exit(0);
