// Writes tables with LanceDB and records what LanceDB reads back from them.
//
//   HEARTH_LANCEDB_NODE_MODULES=.../node_modules node write.mjs SPEC.json
//
// SPEC is a list of tables: {name, dir, version, parts: [Arrow IPC files], delete: [SQL], evolve, compact, raw, out}.
// Each part becomes one write; columns are added, renamed and dropped between them if `evolve`, then rows are deleted and the
// table is compacted if `compact`, then it is read whole and written to `out` as an Arrow IPC stream. A table that LanceDB
// refuses leaves `${out}.error` with its message.
//
// With `raw` the parts go to LanceDB and its batches to `out` without apache-arrow between, which does not know all types and
// is wrong about some: parts are then IPC files of the file format, and `out` is one such file for each batch, each with its length
// as 8 bytes in front.
import { createRequire } from "node:module";
import fs from "node:fs";
import path from "node:path";

const require = createRequire(path.join(process.env.HEARTH_LANCEDB_NODE_MODULES, "package.json"));
const lancedb = require("@lancedb/lancedb");
const arrow = require("apache-arrow");

for (const spec of JSON.parse(fs.readFileSync(process.argv[2], "utf8"))) {
  try {
    const db = await lancedb.connect(spec.dir);
    const storageOptions = { new_table_data_storage_version: spec.version };
    const parts = spec.parts.map((p) => fs.readFileSync(p));
    let t;
    if (spec.raw) {
      await db.inner.createTable(spec.name, parts[0], "overwrite", [], db.getStorageOptions({ storageOptions }));
      t = await db.openTable(spec.name);
      for (const p of parts.slice(1)) await t.inner.add(p, "append");
    } else {
      const tables = parts.map((p) => arrow.tableFromIPC(p));
      t = await db.createTable(spec.name, tables[0], { mode: "overwrite", storageOptions });
      for (const p of tables.slice(1)) await t.add(p);
    }
    if (spec.evolve) {
      await t.addColumns([{ name: "extra", valueSql: "rid * 2" }, { name: "word", valueSql: "concat('w', cast(rid % 5 as string))" }]);
      await t.alterColumns([{ path: "extra", rename: "renamed" }]);
      if (spec.evolve > 1) await t.dropColumns(["c0"]);
      await t.update({ where: "rid % 11 = 3", valuesSql: { word: "'updated'" } });
    }
    for (const where of spec.delete) await t.delete(where);
    if (spec.compact) await t.optimize();
    if (spec.raw) {
      const rows = await t.query().withRowId().nativeExecute();
      fs.writeFileSync(spec.out, "");
      for (let b = await rows.next(); b; b = await rows.next()) {
        const size = Buffer.alloc(8);
        size.writeBigUInt64LE(BigInt(b.length));
        fs.appendFileSync(spec.out, Buffer.concat([size, b]));
      }
    } else {
      const all = await t.query().withRowId().toArrow();
      fs.writeFileSync(spec.out, arrow.tableToIPC(all, "stream"));
    }
    t.close();
  } catch (e) {
    fs.writeFileSync(`${spec.out}.error`, String(e.message ?? e));
  }
}
