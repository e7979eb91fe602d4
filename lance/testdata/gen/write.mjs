// Writes tables with LanceDB and records what LanceDB reads back from them.
//
//   HEARTH_LANCEDB_NODE_MODULES=.../node_modules node write.mjs SPEC.json
//
// SPEC is a list of tables: {name, dir, version, parts: [Arrow IPC files], delete: SQL or "", compact: bool, out}.
// Each part becomes one write, then rows are deleted, then the whole table is read and written to `out` as an Arrow IPC
// stream. A table that LanceDB refuses leaves `${out}.error` with its message.
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
    for (const where of spec.delete) await t.delete(where);
    if (spec.compact) await t.optimize();
    const all = await t.query().withRowId().toArrow();
    fs.writeFileSync(spec.out, arrow.tableToIPC(all, "stream"));
    t.close();
  } catch (e) {
    fs.writeFileSync(`${spec.out}.error`, String(e.message ?? e));
  }
}
