// LanceDB's part in tests of the writer.
//   node lancedb.mjs make URI FILE-VERSION   makes an empty table with maintained indexes
//   node lancedb.mjs put URI ROWS.json       upserts rows through its own writer, and closes that
//   node lancedb.mjs ask URI QUERIES.json    prints an answer for each query, from a fresh connection
import * as lancedb from "@lancedb/lancedb";
import * as arrow from "apache-arrow";
import fs from "node:fs";

const [mode, uri, argument] = process.argv.slice(2);
const db = await lancedb.connect(uri, { readConsistencyInterval: 0 });
const read = () => JSON.parse(fs.readFileSync(argument, "utf8"));

if (mode === "make") {
  const schema = new arrow.Schema([
    new arrow.Field("id", new arrow.Utf8(), false, new Map([["lance-schema:unenforced-primary-key:position", "1"]])),
    new arrow.Field("n", new arrow.Int32(), true),
    new arrow.Field("text", new arrow.Utf8(), true),
    new arrow.Field("vector", new arrow.FixedSizeList(8, new arrow.Field("item", new arrow.Float32(), true)), true),
  ]);
  const table = await db.createEmptyTable("t", schema, { storageOptions: { newTableDataStorageVersion: argument } });
  await table.add(Array.from({ length: 300 }, (_, i) => ({
    id: `base-${i}`, n: i, text: i % 2 ? "old stone" : "old wood", vector: Array.from({ length: 8 }, (_, d) => (i * (d + 2)) % 17),
  })));
  await table.createIndex("id", { config: lancedb.Index.btree() });
  await table.createIndex("text", { config: lancedb.Index.fts({ withPosition: true }) });
  await table.createIndex("vector", { config: lancedb.Index.ivfFlat({ numPartitions: 1 }) });
  await table.setLsmWriteSpec({ specType: "unsharded", maintainedIndexes: ["id_idx", "text_idx", "vector_idx"] });
} else if (mode === "put") {
  const table = await db.openTable("t");
  await table.mergeInsert(["id"]).whenMatchedUpdateAll().whenNotMatchedInsertAll().execute(read());
  await table.closeLsmWriters();
} else {
  const table = await db.openTable("t");
  const answers = [];
  for (const q of read()) {
    let x = q.vector ? table.vectorSearch(q.vector) : table.query();
    if (q.match) x = x.fullTextSearch(q.match, { columns: ["text"] });
    if (q.phrase) x = x.fullTextSearch(new lancedb.PhraseQuery(q.phrase, "text"));
    if (q.where) x = x.where(q.where);
    const rows = await x.limit(q.limit ?? 10000).toArray();
    answers.push(rows.map((r) => ({ id: r.id, n: r.n, text: r.text, vector: r.vector && Array.from(r.vector), score: r._score, distance: r._distance })));
  }
  console.log(JSON.stringify(answers));
}
