// Makes a table of texts to search in, and measures LanceDB on it.
//
//   HEARTH_LANCEDB_NODE_MODULES=.../node_modules node bench.mjs build DIR      200,000 texts, an index with positions, queries
//   HEARTH_LANCEDB_NODE_MODULES=.../node_modules node bench.mjs measure DIR
//   HEARTH_BENCH_FTS=DIR go test ./lance/fts -run xxx -bench BesideLanceDB     the same queries in Go
//
// Both print the median time of each kind of query in milliseconds, ten hits, the index in memory.
import { createRequire } from "node:module";
import fs from "node:fs";
import path from "node:path";

const require = createRequire(path.join(process.env.HEARTH_LANCEDB_NODE_MODULES, "package.json"));
const lancedb = require("@lancedb/lancedb");
const [mode, dir] = process.argv.slice(2);
const db = await lancedb.connect(dir);

let state = 4711;
const rnd = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 4294967296;
};
const words = Array.from({ length: 20000 }, (_, i) => "w" + i.toString(26).replace(/[0-9]/g, (d) => "klmnopqrst"[d]));
const word = () => words[Math.floor(words.length * rnd() ** 4)]; // a few frequent, many rare

if (mode === "build") {
  let t;
  for (let part = 0; part < 10; part++) {
    const rows = Array.from({ length: 20000 }, (_, i) => ({
      id: part * 20000 + i,
      text: Array.from({ length: 8 + Math.floor(rnd() * 40) }, word).join(" "),
    }));
    if (t) await t.add(rows);
    else t = await db.createTable("t", rows);
  }
  await t.createIndex("text", { config: lancedb.Index.fts({ withPosition: true, stem: false, removeStopWords: false }) });
  const pick = (n) => Array.from({ length: n }, word).join(" ");
  const kinds = { "two words, any": [2, "or"], "five words, any": [5, "or"], "three words, all": [3, "and"], phrase: [2, "phrase"] };
  const queries = Object.entries(kinds).map(([kind, [n, form]]) => ({ kind, form, texts: Array.from({ length: 100 }, () => pick(n)) }));
  fs.writeFileSync(path.join(dir, "queries.json"), JSON.stringify(queries));
} else {
  const t = await db.openTable("t");
  for (const { kind, form, texts } of JSON.parse(fs.readFileSync(path.join(dir, "queries.json"), "utf8"))) {
    const times = [];
    for (let round = 0; round < 3; round++) {
      for (const text of texts) {
        const query =
          form === "phrase"
            ? new lancedb.PhraseQuery(text, "text")
            : new lancedb.MatchQuery(text, "text", { operator: form === "and" ? lancedb.Operator.And : lancedb.Operator.Or });
        const start = process.hrtime.bigint();
        await t.query().fullTextSearch(query).select(["id"]).limit(10).toArray();
        if (round > 0) times.push(Number(process.hrtime.bigint() - start) / 1e6);
      }
    }
    times.sort((a, b) => a - b);
    console.log(`${kind.padEnd(20)} ${times[times.length >> 1].toFixed(2)} ms`);
  }
}
