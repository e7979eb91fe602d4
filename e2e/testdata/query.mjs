// Runs one query on the recorded table in this process, as a fresh client would, and prints
// {"answer": ..., "openMilliseconds": ..., "milliseconds": ...}: the time to open the table, and that of the query.
//
//   node query.mjs KIND URI STORAGE_OPTIONS_JSON [open]
//
// With "open" the query trusts the base as it was when the table was opened, as LanceDB does unless told otherwise; else it
// asks for the base's newest version again, and sees what was committed in between.
import { createRequire } from "node:module";
import { createHash } from "node:crypto";
const require = createRequire(process.env.LANCEDB_MODULES + "/");
const lancedb = require("@lancedb/lancedb");

const [kind, uri, storage, how] = process.argv.slice(2);
const probe = Array.from({ length: 64 }, (_, k) => Math.fround(Math.sin(k * 1.7)));
const point = (id) => (t) => t.query().where(`id = '${id}'`).toArray();
const kinds = {
  scan: (t) => t.query().toArray(),
  "point newest": point("id-002779"),
  "point older": point("id-001050"),
  "point base": point("id-000000"),
  "point missing": point("id-999999"),
  in: (t) => t.query().where("id IN ('id-000000', 'id-001050', 'id-002779')").toArray(),
  text: (t) => t.query().fullTextSearch("zulu", { columns: ["text"] }).limit(50).toArray(),
  phrase: (t) => t.query().fullTextSearch(new lancedb.PhraseQuery("bravo alpha", "text")).limit(50).toArray(),
  vector: (t) => t.vectorSearch(probe).limit(10).toArray(),
  "filtered vector": (t) => t.vectorSearch(probe).where("n >= 995 AND n < 1400").limit(10).toArray(),
};

const consistency = how === "open" ? {} : { readConsistencyInterval: 0 };
const db = await lancedb.connect(uri, { storageOptions: JSON.parse(storage), ...consistency });
const began = performance.now();
const t = await db.openTable("items");
const opened = performance.now();
const found = await kinds[kind](t);
const milliseconds = performance.now() - opened;
const lines = found.map((r) => JSON.stringify({ id: r.id, text: r.text, n: r.n, vector: Array.from(r.vector) })).sort();
console.log(JSON.stringify({
  answer: { rows: lines.length, sha256: createHash("sha256").update(lines.join("\n")).digest("hex") },
  openMilliseconds: opened - began,
  milliseconds,
}));
