// Asks a table one question in a fresh process, once it comes as a line of JSON, and prints {"milliseconds", "rows"}: the time
// from opening the table to the last row.
//
//   node --input-type=module --eval "$(cat lancedb.mjs)" FOLDER-WITH-NODE-MODULES
import { createInterface } from "node:readline";
import { createRequire } from "node:module";

const require = createRequire(process.argv[1] + "/");
const lancedb = require("@lancedb/lancedb");

for await (const line of createInterface({ input: process.stdin })) {
  const q = JSON.parse(line);
  const db = await lancedb.connect(q.uri, {
    storageOptions: { endpoint: q.endpoint, allowHttp: "true", region: "us-east-1", awsAccessKeyId: "any", awsSecretAccessKey: "any" },
  });
  const began = performance.now();
  const table = await db.openTable(q.table);
  let query;
  if (q.phrase) query = table.query().fullTextSearch(new lancedb.PhraseQuery(q.phrase, "text"));
  else if (q.vector) query = table.vectorSearch(q.vector).refineFactor(5);
  else query = table.query().where(`id = '${q.key.replaceAll("'", "''")}'`);
  const found = await query.select(["id", "text"]).limit(q.k).toArray();
  const milliseconds = performance.now() - began;
  console.log(JSON.stringify({ milliseconds, rows: found.map((r) => ({ id: r.id, text: r.text })) }));
  process.exit(0);
}
