// LanceDB's part in tests of the writer of tables. Rows come and go as Arrow streams in files.
//   node lancedb.mjs make DIR REQUEST.json   makes tables with rows, indexes and a sharding
//   node lancedb.mjs put DIR REQUEST.json    upserts rows, those of each shard through a writer of its own
//   node lancedb.mjs ask DIR REQUEST.json    answers queries from a fresh connection, each into its file
import * as lancedb from "@lancedb/lancedb";
import fs from "node:fs";
import { createRequire } from "node:module";

// The very module that the client has: another copy takes the tables of the first for empty.
const arrow = createRequire(import.meta.url)("apache-arrow");
const [mode, uri, argument] = process.argv.slice(2);
const request = JSON.parse(fs.readFileSync(argument, "utf8"));
const db = await lancedb.connect(uri, { readConsistencyInterval: 0 });
const rows = (file) => arrow.tableFromIPC(fs.readFileSync(file));

if (mode === "make") {
  for (const t of request) {
    const base = rows(t.rows);
    const table = await db.createEmptyTable(t.name, base.schema, { storageOptions: { newTableDataStorageVersion: t.version } });
    await table.add(base);
    const maintainedIndexes = [];
    if (t.indexes) {
      if (t.key.length === 1) {
        await table.createIndex(t.key[0], { config: lancedb.Index.btree() });
        maintainedIndexes.push(t.key[0] + "_idx");
      }
      await table.createIndex("text", { config: lancedb.Index.fts({ withPosition: true }) });
      await table.createIndex("vector", { config: lancedb.Index.ivfFlat({ numPartitions: 1 }) });
      maintainedIndexes.push("text_idx", "vector_idx");
    }
    await table.setLsmWriteSpec({ ...t.spec, maintainedIndexes });
    table.close();
  }
} else if (mode === "put") {
  for (const t of request) {
    const table = await db.openTable(t.name);
    for (const file of t.parts) {
      await table.mergeInsert(t.key).whenMatchedUpdateAll().whenNotMatchedInsertAll().execute(rows(file));
      await table.closeLsmWriters();
    }
    table.close();
  }
} else {
  const errors = [];
  for (const q of request) {
    try {
      const table = await db.openTable(q.name);
      let x = q.vector ? table.vectorSearch(q.vector) : table.query();
      if (q.match) x = x.fullTextSearch(q.match, { columns: ["text"] });
      if (q.where) x = x.where(q.where);
      fs.writeFileSync(q.file, arrow.tableToIPC(await x.limit(q.limit || 10000).toArrow(), "stream"));
      errors.push("");
    } catch (e) {
      errors.push(String(e.message || e));
    }
  }
  console.log(JSON.stringify(errors));
}
process.exit(0);
