// Makes a table to measure with, and measures LanceDB on it.
//
//   HEARTH_LANCEDB_NODE_MODULES=.../node_modules node bench.mjs build DIR      300,000 rows of 8 columns, about 200 MB
//   HEARTH_LANCEDB_NODE_MODULES=.../node_modules node bench.mjs measure DIR
//   HEARTH_BENCH_LANCE=DIR/t.lance go test ./lance/dataset -run xxx -bench .   the same in Go
//
// For one thread set LANCE_CPU_THREADS=1 LANCE_IO_THREADS=1 TOKIO_WORKER_THREADS=1, and GOMAXPROCS=1 for Go. "filter" looks at
// every value in LanceDB and returns no row, so that nothing is spent on handing rows to JavaScript; "scan" hands them over.
import { createRequire } from "node:module";
import path from "node:path";

const require = createRequire(path.join(process.env.HEARTH_LANCEDB_NODE_MODULES, "package.json"));
const lancedb = require("@lancedb/lancedb");
const { Field, Int64, Int32, Utf8, Float64, Float32, FixedSizeList, List, Schema } = require("apache-arrow");
const [mode, dir] = process.argv.slice(2);
const db = await lancedb.connect(dir);

const PARTS = 10;
const PART = 30000;
const words = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon".split(" ");
let state = 12345;
const rnd = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 4294967296;
};
const pick = () => words[Math.floor(rnd() * words.length)];
const floats = (n) => new FixedSizeList(n, new Field("item", new Float32(), true));

if (mode === "build") {
  const schema = new Schema([
    new Field("id", new Int64(), false),
    new Field("text", new Utf8(), true),
    new Field("n", new Int32(), true),
    new Field("price", new Float64(), true),
    new Field("tag", new Utf8(), true),
    new Field("vec", floats(32), true),
    new Field("emb", floats(128), true),
    new Field("tags", new List(new Field("item", new Utf8(), true)), true),
  ]);
  let t;
  for (let p = 0; p < PARTS; p++) {
    const rows = [];
    for (let i = 0; i < PART; i++) {
      const text = [];
      for (let k = 8 + Math.floor(rnd() * 8); k > 0; k--) text.push(pick() + Math.floor(rnd() * 100));
      rows.push({
        id: BigInt(p * PART + i),
        text: text.join(" "),
        n: Math.floor(rnd() * 1000),
        price: rnd() < 0.1 ? null : rnd() * 100,
        tag: pick(),
        vec: Array.from({ length: 32 }, rnd),
        emb: Array.from({ length: 128 }, rnd),
        tags: Array.from({ length: Math.floor(rnd() * 4) }, pick),
      });
    }
    const data = lancedb.makeArrowTable(rows, { schema });
    if (t) await t.add(data);
    else t = await db.createTable("t", data, { mode: "overwrite" });
  }
  await t.optimize();
} else {
  const t = await db.openTable("t");
  const best = async (name, n, f) => {
    let ms = Infinity;
    for (let i = 0; i < n; i++) {
      const start = performance.now();
      await f();
      ms = Math.min(ms, performance.now() - start);
    }
    console.log(`${name}\t${ms.toFixed(1)} ms`);
  };
  const every = "id < 0 OR text = 'zz' OR n < 0 OR price < -1 OR tag = 'zz' OR array_has(vec, 2.0) OR array_has(emb, 2.0) OR array_has(tags, 'zz')";
  await best("filter all columns", 5, () => t.query().where(every).select(["id"]).toArrow());
  await best("scan all columns", 5, () => t.query().toArrow());
  const offsets = Array.from({ length: 1000 }, () => Math.floor(rnd() * PARTS * PART));
  await best("take 1000 rows", 10, () => t.takeOffsets(offsets).toArrow());
  await best("take 1 row", 20, () => t.takeOffsets([offsets[3]]).toArrow());
}
