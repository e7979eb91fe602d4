// Writes shards.json: for values of many types, the shard directory that LanceDB chose
// when it routed the value by bucket (1000 buckets) and by identity. Values are the
// column's physical ones, as text.
//
//   npm install @lancedb/lancedb@0.39.0 apache-arrow@18.1.0
//   node shards.mjs > shards.json
import * as lancedb from "@lancedb/lancedb";
import * as arrow from "apache-arrow";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

const dir = fs.mkdtempSync(path.join(os.tmpdir(), "shards-"));
const db = await lancedb.connect(dir);
const day = 86400000;
// type -> [Arrow type, values, physical value of one]
const types = {
  int8: [new arrow.Int8(), [-5, 0, 100]],
  int16: [new arrow.Int16(), [-300, 7]],
  int32: [new arrow.Int32(), [-50, 1, 2, 3, 2000000000]],
  int64: [new arrow.Int64(), [-50n, 1n, 9007199254740993n]],
  uint8: [new arrow.Uint8(), [3, 200]],
  uint16: [new arrow.Uint16(), [3, 60000]],
  uint32: [new arrow.Uint32(), [3, 4000000000]],
  uint64: [new arrow.Uint64(), [3n, 18000000000000000000n]],
  utf8: [new arrow.Utf8(), ["a", "b", "", "hello world", "é√ x", "abcd", "zz"]],
  bool: [new arrow.Bool(), [true, false]],
  date32: [new arrow.DateDay(), [day, 2 * day, -5 * day].map((ms) => new Date(ms)), (v) => v.getTime() / day],
  "timestamp[us]": [new arrow.TimestampMicrosecond(), [1000, -77], (v) => v * 1000],
  "timestamp[ns]": [new arrow.TimestampNanosecond(), [1000], (v) => v * 1000000],
  float32: [new arrow.Float32(), [1.25, -0, NaN, 3.5]],
  float64: [new arrow.Float64(), [1.25, -0, NaN, 3.5]],
  "time32[ms]": [new arrow.TimeMillisecond(), [5, 70000]],
  "time64[us]": [new arrow.TimeMicrosecond(), [5n]],
};
const out = [];
for (const [type, [arrowType, values, physical = (v) => (Object.is(v, -0) ? "-0" : v)]] of Object.entries(types)) {
  for (const spec of ["bucket", "identity"]) {
    const name = `t${out.length}`;
    const schema = new arrow.Schema([new arrow.Field("id", new arrow.Int64(), false), new arrow.Field("c", arrowType, true)]);
    const row = (i, v) => lancedb.makeArrowTable([{ id: BigInt(i), c: v }], { schema });
    const t = await db.createTable(name, row(0, values[0]));
    await t.setUnenforcedPrimaryKey("id");
    try {
      await t.setLsmWriteSpec({ specType: spec, column: "c", ...(spec === "bucket" && { numBuckets: 1000 }) });
    } catch (e) {
      if (!String(e).includes("cannot be used as a shard key")) throw e;
      out.push({ type, spec, refused: true });
      continue;
    }
    const shards = () => (fs.existsSync(`${dir}/${name}.lance/_mem_wal`) ? fs.readdirSync(`${dir}/${name}.lance/_mem_wal`) : []);
    for (const [i, v] of values.entries()) {
      const before = shards();
      await t.mergeInsert("id").whenMatchedUpdateAll().whenNotMatchedInsertAll().execute(row(i + 1, v));
      await t.closeLsmWriters();
      const added = shards().filter((s) => !before.includes(s));
      if (added.length !== 1) throw new Error(`${type} ${spec} ${v}: shards ${added}`);
      out.push({ type, spec, value: String(physical(v)), shard: added[0] });
    }
  }
}
console.log("[\n" + out.map((o) => "  " + JSON.stringify(o)).join(",\n") + "\n]");
fs.rmSync(dir, { recursive: true });
process.exit(0);
