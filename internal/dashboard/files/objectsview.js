// The objects below a path, and the pages of one of them.

import { bar, strip } from "./draw.js";
import { $, attribute, barCell, cell, el, keyed, row, text } from "./dom.js";
import { bytes, count, percent, plural } from "./format.js";
import { roleNames } from "./generationsview.js";

/** Shows a list of objects. open is called with an object's path. */
export function showObjects(list, chosen, open) {
  $("browser").hidden = false;
  $("objects-empty").hidden = true;
  const n = list.objects.length;
  text($("objects-sum"), `${list.more ? "the first " : ""}${plural(n, "object")} ${list.known ? "" : "with pages "}below s3://${list.bucket}/${list.prefix}`);
  $("object-none").hidden = n > 0;
  $("object-table").hidden = n === 0;
  text($("object-none"), "Nothing below this path is in memory, and it is not in a generation whose contents are known. Warm it to see what there is.");
  $("more").hidden = !list.more;
  keyed($("object-table").tBodies[0], list.objects, (o) => o.key, (o) => {
    const path = `s3://${list.bucket}/${o.key}`;
    const short = o.key.startsWith(list.prefix) ? o.key.slice(list.prefix.length) : o.key;
    const name = el("button", { type: "button", class: "link path", title: path, onclick: () => open(path) }, short || o.key);
    const pinned = el("span", { class: "muted" });
    const roles = cell("roles-cell muted");
    const size = cell("size num");
    const resident = barCell("resident");
    return row((now) => {
      text(pinned, now.pinned ? " pinned" : "");
      text(roles, (now.roles ?? []).map((role) => roleNames[role]?.[0] ?? role).join(" "));
      text(size, bytes(now.size));
      const share = now.pages ? now.resident_pages / now.pages : 1;
      bar(resident.bar, share);
      text(resident.words, `${count(now.resident_pages)}/${count(now.pages)} pages`);
    }, cell("name", name, pinned), roles, size, resident.td);
  });
  for (const tr of $("object-table").tBodies[0].children) {
    const current = `s3://${list.bucket}/${tr.dataset.key}` === chosen;
    attribute(tr.querySelector("button"), "aria-current", current && "true");
    tr.classList.toggle("chosen", current);
  }
}

let drawn = []; // canvases with what is on them

/** Shows the pages of one object. actions has warm, pin and evict, called with its path. */
export function showObject(r, { warm, pin, evict }) {
  const path = `s3://${r.bucket}/${r.key}`;
  $("browser").hidden = false;
  $("objects-empty").hidden = true;
  $("detail").hidden = false;
  $("choose").hidden = true;
  text($("detail-title"), r.key.split("/").at(-1) || r.key);
  $("detail-title").title = path;
  const size = r.size ?? r.versions[0]?.size;
  const pinned = r.versions.some((v) => v.pinned);
  text($("detail-sum"), [size === undefined ? "Nothing of it is in memory, and nothing is known of it until it is read or warmed" : bytes(size), size !== undefined && `pages of ${bytes(r.page_bytes)}`, r.etag && `ETag ${r.etag}`, pinned && "pinned"].filter(Boolean).join(", "));

  // A version of which nothing is resident has a strip too: an empty one.
  const versions = [...r.versions];
  const current = (v) => v.etag.replaceAll('"', "") === (r.etag ?? "").replaceAll('"', "");
  if (r.size !== undefined && !versions.some(current)) {
    versions.unshift({ etag: r.etag, size: r.size, pages: Math.ceil(r.size / r.page_bytes), resident_pages: 0, runs: [] });
  }
  keyed($("strips"), versions, (v) => v.etag, () => makeStrip());
  drawn = versions.map((v, i) => ({
    canvas: $("strips").children[i].querySelector("canvas"),
    what: { pages: v.pages, pageBytes: r.page_bytes, size: v.size, runs: v.runs, roles: v.size === r.size ? r.roles : undefined },
  }));
  versions.forEach((v, i) => describe($("strips").children[i], v, r, versions.length > 1));
  redraw();

  const button = (key, label, kind, f) => ({ key, label, kind, f });
  keyed($("detail-buttons"), [
    button("warm", "Warm", "", () => warm(path)),
    button("pin", pinned ? "Unpin" : "Pin", "", () => pin(path, !pinned)),
    button("evict", "Evict", "", () => evict(path)),
  ], (b) => b.key, () => {
    let f;
    const e = el("button", { type: "button", onclick: () => f() });
    e.update = (b) => {
      f = b.f;
      text(e, b.label);
      attribute(e, "aria-label", `${b.label} ${r.key}`);
    };
    return e;
  });
}

function makeStrip() {
  const figure = el("figure", {}, el("canvas", { class: "strip", role: "img" }), el("ul", { class: "legend" }), el("figcaption", {}));
  figure.update = () => {};
  return figure;
}

function describe(figure, v, r, several) {
  const share = v.pages ? v.resident_pages / v.pages : 1;
  const words = `${count(v.resident_pages)} of ${plural(v.pages, "page")} resident (${percent(share)})`;
  attribute(figure.querySelector("canvas"), "aria-label", words);
  let runs = v.runs.slice(0, 12).map(([a, b]) => (a === b ? `${a}` : `${a}–${b}`)).join(", ");
  if (v.runs.length > 12) runs += ` and ${plural(v.runs.length - 12, "more run")}${v.cut ? " at least" : ""}`;
  text(figure.querySelector("figcaption"), `${words}${several ? `, ETag ${v.etag}` : ""}${runs ? `: pages ${runs}` : ""}`);
  const shown = v.size === r.size ? [...new Set((r.roles ?? []).map((range) => range.role))] : [];
  keyed(figure.querySelector(".legend"), shown, (role) => role, (role) => {
    const li = el("li", { title: roleNames[role]?.[1] ?? "" }, el("i", { class: "swatch", "data-role": role, "aria-hidden": "true" }), role);
    li.update = () => {};
    return li;
  });
}

/** Draws the strips again: their width or the colors changed. */
export function redraw() {
  for (const { canvas, what } of drawn) if (canvas.isConnected) strip(canvas, what);
}

/** Shows that nothing is chosen. */
export function hideObject() {
  $("detail").hidden = true;
  $("choose").hidden = false;
  $("strips").replaceChildren();
  drawn = [];
}
