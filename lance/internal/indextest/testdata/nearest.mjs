// Makes tables whose rows are in a generation, one for each metric, or measures how much of what is nearest LanceDB finds in
// them: prints {"metric": recall at 10}.
//
//   node nearest.mjs build|search DIR
import * as lancedb from "@lancedb/lancedb";
import * as arrow from "apache-arrow";

const [mode, dir] = process.argv.slice(2);
const ROWS = 1500, DIM = 24, QUERIES = 40, BASE = 100;
// Thirty clusters; lengths differ by a factor of up to 8.
const wave = (i, k) => Math.sin(i * 12.9898 + k * 78.233) * 43758.5453;
const random = (i) => Array.from({ length: DIM }, (_, k) => 2 * (wave(i, k) - Math.floor(wave(i, k))) - 1);
const vector = (i) => {
  const center = random(100000 + (i % 30)), noise = random(i);
  return center.map((c, k) => Math.fround((c + 0.3 * noise[k]) * (1 + ((i * 31) % 8))));
};
const dot = (a, b) => a.reduce((s, x, k) => s + x * b[k], 0);
const distance = {
  l2: (a, b) => a.reduce((s, x, k) => s + (x - b[k]) ** 2, 0),
  cosine: (a, b) => 1 - dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)),
  dot: (a, b) => 1 - dot(a, b),
};
const db = await lancedb.connect(dir);
if (mode === "build") {
  for (const metric of Object.keys(distance)) {
    const schema = new arrow.Schema([
      new arrow.Field("id", new arrow.Int64(), false),
      new arrow.Field("vector", new arrow.FixedSizeList(DIM, new arrow.Field("item", new arrow.Float32(), true)), true),
    ]);
    const rows = (a, b) =>
      lancedb.makeArrowTable(Array.from({ length: b - a }, (_, k) => ({ id: BigInt(a + k), vector: vector(a + k) })), { schema });
    const t = await db.createTable(metric, rows(0, BASE));
    await t.createIndex("vector", { config: lancedb.Index.ivfFlat({ numPartitions: 1, distanceType: metric }) });
    await t.setUnenforcedPrimaryKey("id");
    await t.setLsmWriteSpec({ specType: "unsharded", writerConfigDefaults: { max_memtable_rows: String(4 * ROWS) } });
    await t.mergeInsert("id").whenMatchedUpdateAll().whenNotMatchedInsertAll().execute(rows(BASE, ROWS));
    await t.closeLsmWriters();
  }
} else {
  const all = Array.from({ length: ROWS }, (_, i) => vector(i)).slice(BASE);
  const out = {};
  for (const [metric, fn] of Object.entries(distance)) {
    const t = await db.openTable(metric);
    let found = 0;
    for (let q = 0; q < QUERIES; q++) {
      const query = vector(500000 + q);
      const truth = all.map((v, i) => [fn(query, v), i + BASE]).sort((a, b) => a[0] - b[0]).slice(0, 10).map((x) => x[1]);
      // The best of many from a generation come without a second look, so more than ten are asked for.
      const hits = await t.vectorSearch(query).distanceType(metric).where(`id >= ${BASE}`).limit(50).toArray();
      const ids = new Set(hits.map((h) => Number(h.id)));
      found += truth.filter((i) => ids.has(i)).length;
    }
    out[metric] = found / (10 * QUERIES);
  }
  console.log(JSON.stringify(out));
}
process.exit(0);
