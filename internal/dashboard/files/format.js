// Numbers and names for people.

const binary = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** A number of bytes, with three digits at most: "1.21 MiB". */
export function bytes(n) {
  if (!Number.isFinite(n)) return "–";
  let unit = 0;
  while (n >= 1000 && unit < binary.length - 1) {
    n /= 1024;
    unit++;
  }
  return `${digits(n, unit === 0)} ${binary[unit]}`;
}

/** A count, short from ten thousand on: "9,214", "12.4k". */
export function count(n) {
  if (!Number.isFinite(n)) return "–";
  if (n < 10000) return Math.round(n).toLocaleString("en");
  for (const [limit, unit] of [[1e6, "k"], [1e9, "M"], [1e12, "G"]]) {
    if (n < limit) return digits((n / limit) * 1000) + unit;
  }
  return n.toExponential(2);
}

/** Something each second. */
export function rate(n) {
  if (!Number.isFinite(n)) return "–";
  return n > 0 && n < 0.095 ? "<0.1" : n < 100 && n > 0 ? n.toFixed(1) : count(n);
}

/** Seconds: "0.21 ms", "1.4 s", "2 m 10 s". */
export function seconds(s) {
  if (!Number.isFinite(s)) return "–";
  if (s < 0.001) return `${digits(s * 1e6)} µs`;
  if (s < 1) return `${digits(s * 1000)} ms`;
  if (s < 60) return `${digits(s)} s`;
  return span(s);
}

/** A time that has passed: "3 s", "4 m 2 s", "5 h 3 m", "2 d 1 h". */
export function span(s) {
  s = Math.max(0, Math.floor(s));
  for (const [size, unit, part, smaller] of [[86400, "d", 3600, "h"], [3600, "h", 60, "m"], [60, "m", 1, "s"]]) {
    if (s >= size) {
      const rest = Math.floor((s % size) / part);
      return `${Math.floor(s / size)} ${unit}${rest ? ` ${rest} ${smaller}` : ""}`;
    }
  }
  return `${s} s`;
}

/** A share of one. What is not all is never shown as all. */
export function percent(share) {
  if (!Number.isFinite(share)) return "–";
  const p = share * 100;
  if (p >= 99.95 && p < 100) return "99.9 %";
  if (p > 0 && p < 0.1) return "<0.1 %";
  return `${p === 0 || p === 100 || p >= 99.95 ? p.toFixed(0) : p.toFixed(1)} %`;
}

/** Go's "1h2m3.5s" in seconds. */
export function goSeconds(text) {
  const units = { h: 3600, m: 60, s: 1, ms: 1e-3, "µs": 1e-6, us: 1e-6, ns: 1e-9 };
  let sum = 0;
  for (const [, n, unit] of String(text).matchAll(/([\d.]+)(h|ms|µs|us|ns|m|s)/g)) sum += Number(n) * units[unit];
  return sum;
}

function digits(n, whole) {
  if (whole || Number.isInteger(n)) return n.toFixed(0);
  return n.toFixed(n < 9.995 ? 2 : n < 99.95 ? 1 : 0);
}

/** One or more of a thing: plural(2, "object"). */
export function plural(n, thing) {
  return `${count(n)} ${thing}${n === 1 ? "" : "s"}`;
}
