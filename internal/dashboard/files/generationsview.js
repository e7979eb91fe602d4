// The generations that are known, with their state and what is resident of each role.

import { bar } from "./draw.js";
import { $, attribute, barCell, cell, el, keyed, row, text } from "./dom.js";
import { bytes, count, percent, plural } from "./format.js";

/** The roles, in the order in which a query needs them. */
export const roles = ["open", "blocklist", "deletions", "pk", "scalar", "fts", "vector", "data", "other"];

/** What roles are called where there is little room, and what they mean. */
export const roleNames = {
  open: ["open", "manifests, ends of data files"], blocklist: ["blk", "masks superseded rows"], deletions: ["del", "deletion vectors"],
  pk: ["pk", "primary key, bloom filter"], scalar: ["scl", "scalar indexes"], fts: ["fts", "text indexes"],
  vector: ["vec", "vector indexes"], data: ["data", "all other columns"], other: ["oth", "everything else"],
};

export const pathOf = (g) => `s3://${g.bucket}/${g.prefix}`;
export const nameOf = (g) => `${g.table.split("/").at(-1)} #${g.generation}`;

/** Whether a generation has all words of a filter. */
function wanted(g, filter) {
  const all = `${g.state} ${pathOf(g)} ${nameOf(g)} ${g.publication ?? ""} ${g.pinned ? "pinned" : ""}`.toLowerCase();
  return filter.toLowerCase().split(/\s+/).every((word) => all.includes(word));
}

/** Shows generations. actions has open, warm, pin and evict, each called with a generation. */
export function showGenerations(list, filter, chosen, actions) {
  const shown = filter.startsWith("s3://") ? list.generations : list.generations.filter((g) => wanted(g, filter));
  const warm = list.generations.filter((g) => g.state === "warm").length;
  let summary = `${count(list.total)} known, ${count(warm)} warm`;
  if (list.total > list.generations.length) summary = `the first ${count(list.generations.length)} of ${count(list.total)}`;
  if (shown.length < list.generations.length) summary += `, ${count(shown.length)} shown`;
  text($("generations-sum"), summary);
  $("generation-table").hidden = shown.length === 0;
  $("generations-empty").hidden = shown.length > 0;
  text($("generations-empty"), list.generations.length > 0 || filter ? "No generation is like that."
    : "No generation is known yet. One is when its shard's manifest is read, or when it is warmed.");
  keyed($("generation-table").tBodies[0], shown, pathOf, (g) => makeGeneration(g, actions));
  for (const tr of $("generation-table").tBodies[0].children) {
    attribute(tr.querySelector("button"), "aria-current", tr.dataset.key === chosen && "true");
    tr.classList.toggle("chosen", tr.dataset.key === chosen);
  }
}

function makeGeneration(g, { open, warm, pin, evict }) {
  let now = g;
  const state = el("span", { class: "state" });
  const name = el("button", { type: "button", class: "link", onclick: () => open(now), title: `Objects of ${pathOf(g)}` }, nameOf(g));
  const where = el("span", { class: "path muted", title: pathOf(g) }, `${g.bucket}/${g.table} · shard ${g.shard.slice(0, 8)}`);
  const more = el("span", { class: "muted more" });
  const resident = barCell("resident");
  const roleList = el("ul", { class: "roles", "aria-label": "resident of each role" });
  const roleCell = cell("roles-cell", roleList);
  const button = (label, f) => el("button", { type: "button", onclick: () => f(now), "aria-label": `${label} ${nameOf(g)}` }, label);
  const pinButton = button("Pin", pin);
  const evictButton = button("Evict", evict);
  return row((current) => {
    now = current;
    text(state, now.state);
    state.dataset.state = now.state;
    text(more, [now.publication, now.pinned && "pinned", now.state === "evicted" && "not known any more", now.decoded_objects && `${bytes(now.decoded_bytes)} decoded`, now.error].filter(Boolean).join(", "));
    bar(resident.bar, now.bytes ? now.resident_bytes / now.bytes : 0);
    text(resident.words, now.objects ? `${bytes(now.resident_bytes ?? 0)} of ${bytes(now.bytes)}, ${plural(now.objects, "object")}` : now.state === "evicted" ? "warm it to have it again" : "not listed yet");
    showRoles(roleList, now.roles);
    evictButton.hidden = now.state === "evicted";
    text(pinButton, now.pinned ? "Unpin" : "Pin");
    attribute(pinButton, "aria-label", `${now.pinned ? "Unpin" : "Pin"} ${nameOf(now)}`);
  }, cell("first", state), cell("name", name, where, more), resident.td, roleCell,
  cell("actions", el("span", { class: "buttons" }, button("Warm", warm), pinButton, evictButton)));
}

function showRoles(list, of) {
  keyed(list, roles.filter((role) => of?.[role]), (role) => role, (role) => {
    const li = el("li", { "data-role": role }, el("span", { "aria-hidden": "true" }, roleNames[role][0]), el("span", { class: "sr" }), el("i", { class: "fill", "aria-hidden": "true" }));
    li.update = () => {};
    return li;
  });
  for (const li of list.children) {
    const role = li.dataset.key;
    const r = of[role];
    const share = r.bytes ? r.resident_bytes / r.bytes : 1;
    bar(li.querySelector(".fill"), share);
    text(li.querySelector(".sr"), `${role} ${percent(share)}`);
    li.title = `${role}: ${bytes(r.resident_bytes)} of ${bytes(r.bytes)} in ${plural(r.objects, "object")}: ${roleNames[role][1]}`;
    li.dataset.full = String(share >= 1);
    li.dataset.none = String(share === 0);
  }
}
