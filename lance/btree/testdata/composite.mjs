// Writes the _pk_index of generations whose primary key has several columns, and
// answers.json: which rows LanceDB shows of each table. Row n has the key number
// n % D in a mixed order, and that key's values are a pure function of it (see
// compositeCases in composite_test.go, which repeats them and the rows' schedule). The
// BASE rows of the table have different keys; a generation repeats keys of the base, of
// older generations and of its own.
//
//   npm install @lancedb/lancedb@0.39.0 apache-arrow@18.1.0
//   node composite.mjs OUT_DIR BASE STEP GENERATIONS
import * as lancedb from "@lancedb/lancedb";
import * as arrow from "apache-arrow";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

const [out, ...sizes] = process.argv.slice(2);
const [base, step, generations] = sizes.map(Number);
const odd = ["", "\0", "\0\0", "a", "a\0", "a\0b", "b", "\u0001", "é", "\0a"];
const bytes = [[], [0], [0, 0], [255], [0, 255], [255, 0], [1], [0, 1], [254], [0, 0, 255]];
const distinct = base + step / 2;
const mixed = (n) => ((n % distinct) * 7919) % distinct;
const cases = {
  "int64-utf8": [
    [new arrow.Int64(), (m) => BigInt((m % 11) - 5) * 1234567890123n],
    [new arrow.Utf8(), (m) => `k${Math.floor(m / 11)}`],
  ],
  "utf8-utf8": [
    [new arrow.Utf8(), (m) => odd[m % 10] + (m < 100 ? "" : "\0".repeat(m % 3) + Math.floor(m / 100))],
    [new arrow.Utf8(), (m) => odd[Math.floor(m / 10) % 10]],
  ],
  "int32-int64": [
    [new arrow.Int32(), (m) => ((m % 7) - 3) * 700000000],
    [new arrow.Int64(), (m) => (BigInt(Math.floor(m / 7)) - 20n) * (m % 2 ? 1n : 300000000000000000n / BigInt(base))],
  ],
  "binary-bool-uint64": [
    [new arrow.Binary(), (m) => new Uint8Array([...bytes[m % 10], ...(m < 40 ? [] : [7, Math.floor(m / 40) >> 8, Math.floor(m / 40) & 255])])],
    [new arrow.Bool(), (m) => Math.floor(m / 10) % 2 === 1],
    [new arrow.Uint64(), (m) => (Math.floor(m / 20) % 2 ? 18446744073709551615n : BigInt(m % 10))],
  ],
  "int8-uint16-utf8": [
    [new arrow.Int8(), (m) => (m % 5) * 60 - 120],
    [new arrow.Uint16(), (m) => Math.floor(m / 5) % 65536],
    [new arrow.Utf8(), (m) => odd[m % 10]],
  ],
};
const dir = fs.mkdtempSync(path.join(os.tmpdir(), "composite-"));
const db = await lancedb.connect(dir);
const answers = {};
for (const [name, columns] of Object.entries(cases)) {
  const keys = columns.map((_, c) => `k${c}`);
  const schema = new arrow.Schema([
    ...columns.map(([type], c) => new arrow.Field(keys[c], type, false, new Map([
      ["lance-schema:unenforced-primary-key", "true"],
      ["lance-schema:unenforced-primary-key:position", String(c + 1)],
    ]))),
    new arrow.Field("n", new arrow.Int32(), true),
  ]);
  const rows = (a, b) =>
    lancedb.makeArrowTable(
      Array.from({ length: b - a }, (_, k) => ({ ...Object.fromEntries(columns.map(([, f], c) => [keys[c], f(mixed(a + k))])), n: a + k })),
      { schema },
    );
  const t = await db.createTable(name, rows(0, base));
  await t.setLsmWriteSpec({ specType: "unsharded" });
  const shards = path.join(dir, `${name}.lance`, "_mem_wal");
  const seen = [];
  for (let g = 0; g < generations; g++) {
    const from = base + g * (2 * distinct + step / 2);
    for (const [a, b] of [[from, from + step], [from + distinct, from + distinct + step / 2]])
      await t.mergeInsert(keys).whenMatchedUpdateAll().whenNotMatchedInsertAll().execute(rows(a, b));
    await t.closeLsmWriters();
    const shard = path.join(shards, fs.readdirSync(shards)[0]);
    const made = fs.readdirSync(shard).filter((n) => n.includes("_gen_") && !seen.includes(n));
    if (made.length !== 1) throw new Error(`generations ${made}`);
    seen.push(made[0]);
    const to = path.join(out, name, String(g + 1));
    fs.mkdirSync(to, { recursive: true });
    for (const f of ["_pk_index/page_lookup.lance", "_pk_index/page_data.lance", "bloom_filter.bin"])
      fs.copyFileSync(path.join(shard, made[0], f), path.join(to, path.basename(f)));
  }
  answers[name] = (await (await (await lancedb.connect(dir)).openTable(name)).query().select(["n"]).toArray()).map((r) => r.n).sort((a, b) => a - b);
}
fs.writeFileSync(path.join(out, "answers.json"), JSON.stringify(answers) + "\n");
fs.rmSync(dir, { recursive: true });
process.exit(0);
