// Makes a MemWAL table whose schema, rows and indexes follow from a seed, or queries it in a
// fresh process. Prints one JSON line a step.
//
//   node random.mjs write|KIND SEED URI STORAGE_OPTIONS_JSON
import { createRequire } from "node:module";
import { createHash } from "node:crypto";
const require = createRequire(process.env.LANCEDB_MODULES + "/");
const lancedb = require("@lancedb/lancedb");
const arrow = require("apache-arrow");

const [mode, seed, uri, storage] = process.argv.slice(2);
let state = Number(seed) >>> 0;
const random = () => {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};
const below = (n) => Math.floor(random() * n);
const shape = {
  key: ["utf8", "int64"][below(2)],
  dim: [4, 8, 24, 64][below(4)],
  base: 50 + below(400),
  perFlush: 20 + below(300),
  flushes: 1 + below(3),
  overlap: below(2) === 1,
  deletes: below(3) * 7,
  btree: below(2) === 1,
  fts: below(2) === 1,
  vector: below(2) === 1,
  extra: below(4),
  sharded: below(2) === 1,
};
// Where flush f begins. The shards of a sharded table have no keys in common.
const start = (f) => (shape.sharded ? 10000 * (f + 1) : shape.overlap ? Math.floor(shape.base / 2) : shape.base + f * shape.perFlush);
const region = (i) => ["eu", "us"][Math.floor(i / 10000) % 2];
const words = "ash birch cedar elm fir hazel larch maple oak pine rowan spruce".split(" ");
const key = (i) => (shape.key === "utf8" ? `k${String(i * 37).padStart(8, "0")}` : BigInt(i) * 37n);
const literal = (i) => (shape.key === "utf8" ? `'${key(i)}'` : `${key(i)}`);
const row = (i, rev) => {
  const r = {
    id: key(i),
    text: Array.from({ length: 3 + (i % 9) }, (_, k) => words[(i * 7 + k * k * 3 + rev) % words.length]).join(" "),
    vector: Array.from({ length: shape.dim }, (_, k) => Math.fround(Math.sin(i * 0.7 + k * 1.3 + rev))),
  };
  if (shape.sharded) r.region = region(i);
  for (let e = 0; e < shape.extra; e++) r[`extra${e}`] = i * (e + 1) + rev;
  return r;
};
const rows = (from, n, rev) => Array.from({ length: n }, (_, k) => row(from + k, rev));
const db = await lancedb.connect(uri, { storageOptions: JSON.parse(storage), readConsistencyInterval: 0 });

if (mode === "write") {
  const t = await db.createEmptyTable("random", new arrow.Schema([
    new arrow.Field("id", shape.key === "utf8" ? new arrow.Utf8() : new arrow.Int64(), false),
    new arrow.Field("text", new arrow.Utf8(), true),
    new arrow.Field("vector", new arrow.FixedSizeList(shape.dim, new arrow.Field("item", new arrow.Float32(), true)), true),
    ...(shape.sharded ? [new arrow.Field("region", new arrow.Utf8(), false)] : []),
    ...Array.from({ length: shape.extra }, (_, e) => new arrow.Field(`extra${e}`, new arrow.Int32(), true)),
  ]));
  await t.add(rows(0, shape.base, 0));
  if (shape.btree) await t.createIndex("id", { config: lancedb.Index.btree() });
  if (shape.fts) await t.createIndex("text", { config: lancedb.Index.fts({ withPosition: true }) });
  if (shape.vector) await t.createIndex("vector", { config: lancedb.Index.ivfFlat({ numPartitions: 1 }) });
  if (shape.deletes) await t.delete(`id IN (${Array.from({ length: shape.deletes }, (_, k) => literal(k * 3)).join(", ")})`);
  await t.setUnenforcedPrimaryKey("id");
  const spec = shape.sharded ? { specType: "identity", column: "region" } : { specType: "unsharded" };
  await t.setLsmWriteSpec({ ...spec, writerConfigDefaults: { max_memtable_rows: "100000" } });
  for (let f = 0; f < shape.flushes; f++) {
    await t.mergeInsert("id").whenMatchedUpdateAll().whenNotMatchedInsertAll().execute(rows(start(f), shape.perFlush, f + 1));
    await t.closeLsmWriters();
  }
  t.close();
  console.log(JSON.stringify(shape));
} else {
  const t = await db.openTable("random");
  const last = start(shape.flushes - 1) + shape.perFlush - 1;
  const kinds = {
    scan: () => t.query().toArray(),
    points: async () => (await Promise.all([last, shape.base - 1, 1, 10 ** 6].map((i) => t.query().where(`id = ${literal(i)}`).toArray()))).flat(),
    text: () => (shape.fts ? t.query().fullTextSearch("cedar", { columns: ["text"] }).limit(5000).toArray() : []),
    // Without an index on it, LanceDB refuses vector search on a table with generations.
    vector: () => (shape.vector ? t.vectorSearch(row(3, 1).vector).limit(5).toArray() : []),
  };
  const found = await kinds[mode]();
  const lines = found.map((r) => `${r.id} ${r.text} ${Array.from(r.vector)}`).sort();
  console.log(JSON.stringify({ rows: lines.length, sha256: createHash("sha256").update(lines.join("\n")).digest("hex") }));
}
