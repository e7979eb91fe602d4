// The text that /metrics answers with, and what changed between two of them.

const sample = /^(hearth_\w+|process_start_time_seconds)(?:\{(.*)\})? (\S+)/;
const label = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** Reads the samples of a text into a map from name to [{labels, value}]. */
export function parse(text) {
  const all = new Map();
  for (const line of text.split("\n")) {
    const found = sample.exec(line);
    if (!found) continue;
    const labels = {};
    for (const [, name, value] of (found[2] ?? "").matchAll(label)) labels[name] = value;
    const list = all.get(found[1]);
    const one = { labels, value: Number(found[3]) }; // "+Inf" is NaN: no value here is that
    if (list) list.push(one);
    else all.set(found[1], [one]);
  }
  return all;
}

const matches = (labels, want) => Object.entries(want).every(([name, value]) => labels[name] === value);

/** The sum of the samples of a name that have some labels. */
export function sum(metrics, name, want = {}) {
  let n = 0;
  for (const s of metrics?.get(name) ?? []) if (matches(s.labels, want)) n += s.value;
  return n;
}

/** The values that a label has. */
export function values(metrics, name, of) {
  return [...new Set((metrics?.get(name) ?? []).map((s) => s.labels[of]))];
}

/** The samples of the last minutes. */
export class History {
  /** keep is how many samples are remembered. */
  constructor(keep) {
    this.keep = keep;
    this.samples = [];
  }

  /** Adds what was read at a time (ms). A process that was started again begins anew. */
  add(time, metrics) {
    const started = (m) => sum(m, "process_start_time_seconds");
    const last = this.samples.at(-1);
    if (last && started(last.metrics) !== started(metrics)) this.samples = [];
    this.samples.push({ time, metrics });
    if (this.samples.length > this.keep) this.samples.shift();
  }

  get last() {
    return this.samples.at(-1);
  }

  /** The two samples that a number of seconds lies between, as far as there are any. */
  window(seconds) {
    const to = this.last;
    if (!to) return undefined;
    let from = this.samples[0];
    for (const s of this.samples) {
      if (to.time - s.time < seconds * 1000) break;
      from = s;
    }
    return new Window(from, to);
  }

  /** Calls f for each two neighbours, oldest first. */
  steps(f) {
    return this.samples.slice(1).map((to, i) => f(new Window(this.samples[i], to)));
  }

  /** What happened since the process was started. */
  get whole() {
    return this.last && new Window(undefined, this.last);
  }
}

/** What happened between two samples; without the first, since the start. */
class Window {
  constructor(from, to) {
    this.from = from;
    this.to = to;
  }

  get seconds() {
    const from = this.from?.time ?? sum(this.to.metrics, "process_start_time_seconds") * 1000;
    return Math.max(0, (this.to.time - from) / 1000);
  }

  /** How much a counter grew. */
  grown(name, want) {
    return Math.max(0, sum(this.to.metrics, name, want) - (this.from ? sum(this.from.metrics, name, want) : 0));
  }

  /** How much it grew each second. */
  rate(name, want) {
    return this.seconds > 0 ? this.grown(name, want) / this.seconds : NaN;
  }

  /** A quantile of a histogram, straight within its bucket; NaN if nothing happened. */
  quantile(q, name, want = {}) {
    const buckets = new Map();
    for (const [sign, at] of [[1, this.to], [-1, this.from]]) {
      for (const s of at?.metrics.get(`${name}_bucket`) ?? []) {
        if (!matches(s.labels, want)) continue;
        const bound = s.labels.le === "+Inf" ? Infinity : Number(s.labels.le);
        buckets.set(bound, (buckets.get(bound) ?? 0) + sign * s.value);
      }
    }
    const sorted = [...buckets].sort((a, b) => a[0] - b[0]);
    const total = sorted.at(-1)?.[1] ?? 0;
    if (total <= 0) return NaN;
    let below = 0;
    let lower = 0;
    for (const [bound, n] of sorted) {
      if (n >= q * total) {
        if (bound === Infinity) return lower; // no more is known
        return n === below ? bound : lower + ((bound - lower) * (q * total - below)) / (n - below);
      }
      below = n;
      lower = bound;
    }
    return lower;
  }
}
