// Builds tables as told by a JSON file, and answers queries on them in a fresh connection.
//   node lancedb.mjs REQUEST URI
import * as lancedb from "@lancedb/lancedb";
import * as arrow from "apache-arrow";
import fs from "node:fs";

const [request, uri] = [JSON.parse(fs.readFileSync(process.argv[2], "utf8")), process.argv[3]];
const keyType = { utf8: () => new arrow.Utf8(), int64: () => new arrow.Int64(), int32: () => new arrow.Int32() };

function schema(t) {
  const fields = t.key.map(([name, type], i) =>
    new arrow.Field(name, keyType[type](), false, new Map([["lance-schema:unenforced-primary-key:position", String(i + 1)]])));
  return new arrow.Schema([
    ...fields,
    new arrow.Field("region", new arrow.Utf8(), false),
    new arrow.Field("n", new arrow.Int32(), true),
    new arrow.Field("f", new arrow.Float64(), true),
    new arrow.Field("flag", new arrow.Bool(), true),
    new arrow.Field("text", new arrow.Utf8(), true),
    new arrow.Field("vector", new arrow.FixedSizeList(t.dim, new arrow.Field("item", new arrow.Float32(), true)), true),
  ]);
}

const convert = (t, rows) => rows.map((r) => {
  r = { ...r };
  for (const [name, type] of t.key) if (type === "int64") r[name] = BigInt(r[name]);
  return r;
});

const plain = (r) => {
  const o = {};
  for (const k of ["id", "k2", "region", "n", "f", "flag", "text", "_score", "_distance"]) {
    if (r[k] !== undefined) o[k] = typeof r[k] === "bigint" ? Number(r[k]) : r[k];
  }
  if (r.vector) o.vector = Array.from(r.vector);
  return o;
};

const db = await lancedb.connect(uri);
for (const t of request.tables) {
  const tbl = await db.createEmptyTable(t.name, schema(t));
  if (t.base.length) await tbl.add(convert(t, t.base));
  if (t.indexes) {
    if (t.key.length === 1) await tbl.createIndex("id", { config: lancedb.Index.btree() });
    await tbl.createIndex("n", { config: lancedb.Index.btree() });
    await tbl.createIndex("text", { config: lancedb.Index.fts({ withPosition: true }) });
  }
  if (t.vectorIndex) await tbl.createIndex("vector", { config: lancedb.Index.ivfFlat({ numPartitions: 1 }) });
  if (t.late?.length) await tbl.add(convert(t, t.late));
  if (t.spec) await tbl.setLsmWriteSpec(t.spec);
  for (const step of t.steps) {
    if (step.delete) await tbl.delete(step.delete);
    else {
      await tbl.mergeInsert(t.key.map((k) => k[0])).whenMatchedUpdateAll().whenNotMatchedInsertAll().execute(convert(t, step.upsert));
      if (step.flush) await tbl.closeLsmWriters();
    }
  }
  if (t.spec) await tbl.closeLsmWriters();
  tbl.close();
}
const fresh = await lancedb.connect(uri, { readConsistencyInterval: 0 });
const answers = [];
for (const t of request.tables) {
  const tbl = await fresh.openTable(t.name);
  for (const q of t.queries ?? []) {
    try {
      let x = q.vector ? tbl.vectorSearch(q.vector) : tbl.query();
      if (q.match) x = x.fullTextSearch(q.match, { columns: ["text"] });
      if (q.phrase) x = x.fullTextSearch(new lancedb.PhraseQuery(q.phrase, "text"));
      if (q.where) x = x.where(q.where);
      if (q.limit) x = x.limit(q.limit);
      answers.push({ table: t.name, query: q, rows: (await x.toArray()).map(plain) });
    } catch (e) {
      answers.push({ table: t.name, query: q, error: e.message });
    }
  }
}
console.log(JSON.stringify(answers));
