// Builds tables with full-text indexes and searches them, all with the real LanceDB.
//
//	HEARTH_LANCEDB_NODE_MODULES=.../node_modules node lancedb.mjs < request.json > response.json
//
// request: {"uri": dir, "build": [table...], "search": [query...]}
// table:   {"name", "version", "options", "batches": [[text or null, ...], ...], "indexed": n, "optimize": bool,
//           "delete": condition, "generation": bool}
//          rows have a running number "id"; the first n batches (default all) are there when the index is made, the
//          others are added later; optimize then brings the index up to date; rows that meet the condition are deleted last.
//          A generation is the flushed one of a table with one row more, opened as the table that it is; there the ids of
//          each batch begin at 0, so that later batches supersede rows of earlier ones
// query:   {"table", "query", "limit", "where"}; query is one of
//          {"match": {"text", "operator", "boost", "fuzziness"}}, {"phrase": {"text", "slop"}},
//          {"boolean": {"must": [], "should": [], "must_not": []}}, {"boost": {"positive", "negative", "negative_boost"}}
// response: {"version", "hits": [[[row id, score], ...], ...]}; a failed query gives {"error"} in place of its hits
import { createRequire } from "node:module";
import path from "node:path";
import fs from "node:fs";

const require = createRequire(path.join(process.env.HEARTH_LANCEDB_NODE_MODULES, "x.js"));
const lancedb = require("@lancedb/lancedb");
const arrow = require("apache-arrow");

const request = JSON.parse(fs.readFileSync(0, "utf8"));
const db = await lancedb.connect(request.uri);

const schema = new arrow.Schema([
  new arrow.Field("id", new arrow.Int32(), false),
  new arrow.Field("text", new arrow.Utf8(), true),
]);

async function buildGeneration(t) {
  const name = `${t.name}-source`;
  const rows = (texts, first) =>
    lancedb.makeArrowTable(
      texts.map((text, i) => ({ id: first + i, text })),
      { schema },
    );
  const table = await db.createTable(name, rows(["seed"], -1));
  await table.createIndex("text", { config: lancedb.Index.fts(t.options ?? {}), waitTimeoutSeconds: 600 });
  await table.setUnenforcedPrimaryKey("id");
  await table.setLsmWriteSpec({ specType: "unsharded", writerConfigDefaults: { max_memtable_rows: "1000000" } });
  for (const b of t.batches) await table.mergeInsert("id").whenMatchedUpdateAll().whenNotMatchedInsertAll().execute(rows(b, 0));
  await table.closeLsmWriters();
  const shards = path.join(request.uri, `${name}.lance`, "_mem_wal");
  const shard = path.join(shards, fs.readdirSync(shards)[0]);
  const made = fs.readdirSync(shard).filter((n) => n.includes("_gen_"));
  if (made.length !== 1) throw new Error(`generations ${made}`);
  fs.symlinkSync(path.join(shard, made[0]), path.join(request.uri, `${t.name}.lance`));
}

for (const t of request.build ?? []) {
  if (t.generation) {
    await buildGeneration(t);
    continue;
  }
  const table = await db.createEmptyTable(t.name, schema, {
    mode: "overwrite",
    storageOptions: { new_table_data_storage_version: t.version ?? "2.2" },
  });
  let id = 0;
  const add = async (batch) => table.add(batch.map((text) => ({ id: id++, text })));
  const indexed = t.indexed ?? t.batches.length;
  for (const b of t.batches.slice(0, indexed)) await add(b);
  await table.createIndex("text", { config: lancedb.Index.fts(t.options ?? {}), waitTimeoutSeconds: 600 });
  for (const b of t.batches.slice(indexed)) {
    await add(b);
    if (t.optimize) await table.optimize();
  }
  if (t.delete) {
    await table.delete(t.delete);
    if (t.optimize) await table.optimize();
  }
}

function parse(q) {
  const [kind, v] = Object.entries(q)[0];
  switch (kind) {
    case "match":
      return new lancedb.MatchQuery(v.text, "text", {
        operator: v.operator === "and" ? lancedb.Operator.And : lancedb.Operator.Or,
        boost: v.boost ?? 1,
        fuzziness: v.fuzziness ?? 0,
      });
    case "phrase":
      return new lancedb.PhraseQuery(v.text, "text", { slop: v.slop ?? 0 });
    case "boost":
      return new lancedb.BoostQuery(parse(v.positive), parse(v.negative), { negativeBoost: v.negative_boost });
    case "boolean":
      return new lancedb.BooleanQuery([
        ...(v.must ?? []).map((c) => [lancedb.Occur.Must, parse(c)]),
        ...(v.should ?? []).map((c) => [lancedb.Occur.Should, parse(c)]),
        ...(v.must_not ?? []).map((c) => [lancedb.Occur.MustNot, parse(c)]),
      ]);
  }
  throw new Error(`unknown query ${kind}`);
}

const hits = [];
const tables = new Map();
for (const s of request.search ?? []) {
  if (!tables.has(s.table)) tables.set(s.table, await db.openTable(s.table));
  try {
    let q = tables.get(s.table).query().fullTextSearch(parse(s.query)).select(["id", "_score"]).withRowId().limit(s.limit);
    if (s.where) q = q.where(s.where);
    const rows = await q.toArray();
    hits.push(rows.map((r) => [Number(r._rowid), r._score]));
  } catch (e) {
    hits.push({ error: String(e.message ?? e) });
  }
}
const version = require(path.join(process.env.HEARTH_LANCEDB_NODE_MODULES, "@lancedb/lancedb/package.json")).version;
process.stdout.write(JSON.stringify({ version, hits }));
