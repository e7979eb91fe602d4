// Writes tables with LanceDB and records what LanceDB reads back from them.
//
//   HEARTH_LANCEDB_NODE_MODULES=.../node_modules node write.mjs SPEC.json
//
// SPEC is a list of tables: {name, dir, version, parts: [Arrow IPC files], delete: [SQL], evolve, compact, out}.
// Each part becomes one write; columns are added, renamed and dropped between them if `evolve`, then rows are deleted and the
// table is compacted if `compact`, then it is read whole and written to `out` as an Arrow IPC stream. A table that LanceDB refuses leaves `${out}.error` with its message.
import { createRequire } from "node:module";
import fs from "node:fs";
import path from "node:path";

const require = createRequire(path.join(process.env.HEARTH_LANCEDB_NODE_MODULES, "package.json"));
const lancedb = require("@lancedb/lancedb");
const arrow = require("apache-arrow");

for (const spec of JSON.parse(fs.readFileSync(process.argv[2], "utf8"))) {
  try {
    const db = await lancedb.connect(spec.dir);
    const parts = spec.parts.map((p) => arrow.tableFromIPC(fs.readFileSync(p)));
    const storageOptions = { new_table_data_storage_version: spec.version };
    const t = await db.createTable(spec.name, parts[0], { mode: "overwrite", storageOptions });
    for (const p of parts.slice(1)) await t.add(p);
    if (spec.evolve) {
      await t.addColumns([{ name: "extra", valueSql: "rid * 2" }, { name: "word", valueSql: "concat('w', cast(rid % 5 as string))" }]);
      await t.alterColumns([{ path: "extra", rename: "renamed" }]);
      if (spec.evolve > 1) await t.dropColumns(["c0"]);
      await t.update({ where: "rid % 11 = 3", valuesSql: { word: "'updated'" } });
    }
    for (const where of spec.delete) await t.delete(where);
    if (spec.compact) await t.optimize();
    const all = await t.query().withRowId().toArrow();
    fs.writeFileSync(spec.out, arrow.tableToIPC(all, "stream"));
    t.close();
  } catch (e) {
    fs.writeFileSync(`${spec.out}.error`, String(e.message ?? e));
  }
}
