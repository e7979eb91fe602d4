// The four cards at the top: hit ratio, latency, requests to the origin, memory.

import { spark, stack } from "./draw.js";
import { $, numbers, text } from "./dom.js";
import { bytes, count, percent, rate, seconds } from "./format.js";
import { sum } from "./metrics.js";

const minute = 60;
const pageBytes = "hearth_pagecache_bytes_total";
const client = "hearth_proxy_request_duration_seconds";
const origin = "hearth_origin_request_duration_seconds";

// Where bytes come from, fastest first. A tier that is added between memory and the origin
// is one line here.
const tiers = [
  { name: "memory", result: "hit" },
  { name: "joined", result: "joined" },
  { name: "origin", result: "filled" },
  { name: "bypassed", result: "bypassed" },
];

const read = (w, result) => w.grown(pageBytes, { priority: "demand", ...(result && { result }) });
const hitRatio = (w) => read(w, "hit") / read(w);
const fewest = 30; // updates that a sparkline has room for from the first
const ofTheLast = (slots, interval) => `the last ${Math.max(1, Math.round((slots * interval) / 60))} min`;

export function overview(history, stats, { slots: limit, interval }) {
  const slots = Math.min(limit, Math.max(fewest, history.samples.length));
  const whole = history.whole;
  const now = history.window(minute);
  if (!whole || !now) return;
  const over = ofTheLast(slots, interval);
  // What did not happen within the minute is shown as of the start.
  const choose = (name, want) => (now.grown(name, want) > 0 ? [now, "last minute"] : [whole, whole.grown(name, want) > 0 ? "since start" : "nothing yet"]);

  const [hits, hitsOf] = choose(pageBytes, { priority: "demand" });
  text($("hits"), percent(hitRatio(hits)));
  text($("hits-window"), `bytes, ${hitsOf}`);
  const ratios = history.steps(hitRatio);
  spark($("hits-spark"), ratios, { top: 1, slots, label: `Hit ratio over ${over}, now ${percent(ratios.findLast(Number.isFinite) ?? NaN)}` });
  stack($("tier-stack"), tiers.map(({ name, kind = name, result }) => ({
    kind, share: read(hits, result) / read(hits), title: `${name}: ${percent(read(hits, result) / read(hits))}`,
  })));
  numbers($("tiers").tBodies[0], tiers.map(({ name, kind = name, result }) => ({
    name, kind,
    values: [`${bytes(read(now, result) / now.seconds || 0)}/s`, bytes(read(whole, result)), percent(read(hits, result) / read(hits))],
  })));

  const [asked, askedOf] = choose(`${client}_count`, { method: "GET" });
  const p99 = history.steps((w) => w.quantile(0.99, client, { method: "GET" }));
  const half = asked.quantile(0.5, client, { method: "GET" });
  const most = asked.quantile(0.99, client, { method: "GET" });
  text($("latency"), seconds(half));
  text($("latency-window"), `GET p50, ${askedOf}`);
  spark($("latency-spark"), p99, { slots, label: `p99 of GET over ${over}, now ${seconds(most)}` });
  const methods = ["GET", "HEAD", "PUT", "POST", "DELETE"];
  numbers($("methods").tBodies[0], methods.filter((m) => m === "GET" || m === "HEAD" || whole.grown(`${client}_count`, { method: m }) > 0)
    .map((method) => quantiles(method, client, { method }, now, whole, false)));

  const total = now.rate("hearth_origin_requests_total");
  text($("origin"), `${rate(total || 0)}/s`);
  text($("origin-window"), "last minute");
  spark($("origin-spark"), history.steps((w) => w.rate("hearth_origin_requests_total")), { slots, label: `Requests to the origin over ${over}, now ${rate(total || 0)} per second` });
  const ops = ["get", "head", "list", "put", "post", "delete", "other"];
  numbers($("ops").tBodies[0], ops.filter((op) => ["get", "head", "list"].includes(op) || whole.grown("hearth_origin_requests_total", { op }) > 0)
    .map((op) => quantiles(op.toUpperCase(), origin, { op }, now, whole, true)));

  memory(history, stats, slots, over);
}

// A row for one kind of request. Quantiles of a quiet minute are those since the start.
function quantiles(name, histogram, want, now, whole, totals) {
  const of = now.grown(`${histogram}_count`, want) > 0 ? now : whole;
  return {
    name,
    values: [
      rate(now.rate(`${histogram}_count`, want) || 0), ...(totals ? [count(whole.grown("hearth_origin_requests_total", want))] : []),
      seconds(of.quantile(0.5, histogram, want)), seconds(of.quantile(0.99, histogram, want)),
    ],
  };
}

function memory(history, stats, slots, over) {
  if (!stats) return;
  const metrics = history.last.metrics;
  const of = (name) => sum(metrics, `hearth_pagecache_${name}_bytes`);
  const limit = of("memory");
  const resident = of("resident");
  const pinned = Math.min(of("pinned"), resident);
  const flying = of("in_flight");
  text($("memory"), percent(of("used") / limit));
  text($("memory-of"), `of ${bytes(limit)} for pages`);
  spark($("memory-spark"), history.samples.map((s) => sum(s.metrics, "hearth_pagecache_used_bytes") / sum(s.metrics, "hearth_pagecache_memory_bytes")), {
    top: 1, slots, label: `Memory that pages use over ${over}, now ${percent(of("used") / limit)}`,
  });
  stack($("memory-stack"), [
    { kind: "pinned", share: pinned / limit, title: `pinned: ${bytes(pinned)}` },
    { kind: "memory", share: (resident - pinned) / limit, title: `resident: ${bytes(resident - pinned)}` },
    { kind: "joined", share: flying / limit, title: `on their way: ${bytes(flying)}` },
    { kind: "free", share: Math.max(0, 1 - (resident + flying) / limit), title: `free: ${bytes(limit - of("used"))}` },
  ]);
  numbers($("memory-table").tBodies[0], [
    { name: "resident pages", kind: "memory", values: [count(sum(metrics, "hearth_pagecache_resident_pages")), bytes(resident)] },
    { name: "of them pinned", kind: "pinned", values: ["", bytes(pinned)] },
    { name: "on their way", kind: "joined", values: ["", bytes(flying)] },
    { name: "decoded objects", values: [count(sum(metrics, "hearth_indexcache_resident_objects")), bytes(sum(metrics, "hearth_indexcache_resident_bytes"))] },
    { name: "evicted for space", values: [count(sum(metrics, "hearth_pagecache_evicted_total", { reason: "space" })), ""] },
  ]);
}
