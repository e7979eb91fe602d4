// Has LanceDB use tables that something else wrote, and records what it sees.
//
//   HEARTH_LANCEDB_NODE_MODULES=.../node_modules node use.mjs SPEC.json
//
// SPEC is a list of {name, dir, steps, stale}. With `stale` the table stays at the version that it was opened at. A step is {op, ...}: scan, filter, take, add, update, delete, merge, optimize, index, fts,
// vector, lsm, close, pause. Steps with `out` write LanceDB's batches without apache-arrow between, which does not know all types: each is a file of the
// Arrow IPC file format with its length as 8 bytes in front; `in` is such a file without the length. Results go to
// `${dir}/${name}.json`, one for each step, {error} for one that failed.
import { createRequire } from "node:module";
import fs from "node:fs";
import path from "node:path";

const require = createRequire(path.join(process.env.HEARTH_LANCEDB_NODE_MODULES, "package.json"));
const lancedb = require("@lancedb/lancedb");

const write = async (file, query) => {
  const rows = await query.nativeExecute();
  fs.writeFileSync(file, "");
  for (let b = await rows.next(); b; b = await rows.next()) {
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(b.length));
    fs.appendFileSync(file, Buffer.concat([size, b]));
  }
};

const ops = {
  count: async (t, s) => ({ rows: await t.countRows(s.where) }),
  scan: async (t, s) => {
    let q = t.query();
    if (!s.noRowId) q = q.withRowId();
    if (s.where) q = q.where(s.where);
    if (s.select) q = q.select(s.select);
    await write(s.out, q);
  },
  take: async (t, s) => write(s.out, t.takeOffsets(s.offsets)),
  add: async (t, s) => {
    await t.inner.add(fs.readFileSync(s.in), "append");
  },
  update: async (t, s) => t.update({ where: s.where, valuesSql: s.values }),
  delete: async (t, s) => t.delete(s.where),
  merge: async (t, s) => {
    await t.inner.mergeInsert([s.on]).whenMatchedUpdateAll(null).whenNotMatchedInsertAll().execute(fs.readFileSync(s.in));
  },
  optimize: async (t) => t.optimize(),
  index: async (t, s) => {
    const config = { btree: () => lancedb.Index.btree(), fts: () => lancedb.Index.fts(), ivf: () => lancedb.Index.ivfFlat({ numPartitions: 2 }) }[s.type]();
    await t.createIndex(s.column, { config });
    return { indexes: (await t.listIndices()).map((i) => i.name) };
  },
  fts: async (t, s) => write(s.out, t.query().fullTextSearch(s.text, { columns: [s.column] }).limit(s.limit)),
  vector: async (t, s) => write(s.out, t.query().nearestTo(s.vector).column(s.column).limit(s.limit)),
  indices: async (t) => ({ indexes: (await t.listIndices()).map((i) => i.name) }),
  lsm: async (t) => ({ spec: await t.getLsmWriteSpec() }),
  close: async (t) => t.closeLsmWriters(),
  // Says that it is here and waits for a line.
  pause: async (t) => {
    await t.countRows();
    process.stdout.write("paused\n");
    const line = new Promise((go) => process.stdin.once("data", go));
    process.stdin.resume();
    await line;
    process.stdin.pause();
  },
};

for (const spec of JSON.parse(fs.readFileSync(process.argv[2], "utf8"))) {
  const results = [];
  const db = await lancedb.connect(spec.dir, spec.stale ? {} : { readConsistencyInterval: 0 });
  let t;
  for (const step of spec.steps) {
    try {
      t ??= await db.openTable(spec.name);
      results.push((await ops[step.op](t, step)) ?? {});
    } catch (e) {
      results.push({ error: String(e.message ?? e) });
    }
  }
  t?.close();
  fs.writeFileSync(path.join(spec.dir, `${spec.name}.json`), JSON.stringify(results, (_, v) => (typeof v === "bigint" ? Number(v) : v)));
}
