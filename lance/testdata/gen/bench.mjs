// Prints how many seconds LanceDB takes to write an Arrow IPC file as a table: the best of ten.
//
//   HEARTH_LANCEDB_NODE_MODULES=.../node_modules node bench.mjs FOLDER FILE
import { createRequire } from "node:module";
import fs from "node:fs";
import path from "node:path";

const require = createRequire(path.join(process.env.HEARTH_LANCEDB_NODE_MODULES, "package.json"));
const lancedb = require("@lancedb/lancedb");

const [dir, file] = process.argv.slice(2);
const db = await lancedb.connect(dir);
const bytes = fs.readFileSync(file);
let best = Infinity;
for (let i = 0; i < 10; i++) {
  const from = performance.now();
  await db.inner.createTable("t", bytes, "overwrite", [], db.getStorageOptions({}));
  best = Math.min(best, performance.now() - from);
}
console.log(best / 1000);
