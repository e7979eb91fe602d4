// What happens when: updates, actions, keys.

import * as api from "./api.js";
import { $, text } from "./dom.js";
import { bytes, goSeconds, plural, span } from "./format.js";
import { nameOf, pathOf, showGenerations } from "./generationsview.js";
import { followJobs, showJobs, unfollow } from "./jobsview.js";
import { History, parse } from "./metrics.js";
import { hideObject, redraw, showObject, showObjects } from "./objectsview.js";
import { overview } from "./overviewview.js";
import { announce, confirm, connection, say } from "./say.js";

const interval = 2; // seconds between updates
const slots = 150; // updates that sparklines show
const maxGenerations = 200;
const firstObjects = 100;
const slowest = 15; // seconds between tries, at most

const state = {
  history: new History(slots + 1),
  stats: undefined,
  jobs: undefined,
  generations: undefined,
  evicted: new Map(), // generations that were evicted here and are not known since, by path
  filter: "",
  prefix: "", // whose objects are listed, as a path
  limit: firstObjects,
  object: "", // whose pages are shown, as a path
  paused: false,
  updated: 0, // when the last update came
  failures: 0,
};

// ---- updates

let timer;
let updating; // the update under way
let again = false; // another one is to follow it

/** Updates now, or as soon as the update under way is done. */
function refresh() {
  again = true;
  updating ??= update().finally(() => {
    updating = undefined;
  });
  return updating;
}

async function update() {
  clearTimeout(timer);
  while (again) {
    again = false;
    try {
      await fetchAll();
      state.failures = 0;
      state.updated = Date.now();
    } catch (err) {
      if (err.status === 401) return askForToken(err);
      state.failures++;
      if (!(err instanceof api.Failure)) console.error(err);
      lost(err);
      break;
    }
  }
  schedule();
}

function schedule() {
  clearTimeout(timer);
  if (state.failures === 0) connection(state.paused ? "paused" : "live");
  if (state.failures === 0 && (state.paused || document.hidden)) return;
  timer = setTimeout(refresh, wait() * 1000);
}

const wait = () => (state.failures ? Math.min(slowest, 2 ** (state.failures - 1)) : interval);

let countdown;

function lost(err) {
  const next = Date.now() + wait() * 1000;
  const show = () => (state.failures ? connection("lost", { since: state.updated, next, why: err.message }) : clearInterval(countdown));
  clearInterval(countdown);
  countdown = setInterval(show, 1000);
  show();
}

async function fetchAll() {
  const query = new URLSearchParams({ roles: "true", limit: String(maxGenerations) });
  const prefix = state.filter.startsWith("s3://") && state.filter.length > "s3://".length ? state.filter : "";
  if (prefix) query.set("prefix", prefix);
  // Stats first: it needs the token, which metrics do not, and a wrong one ends here.
  const stats = await api.get("/stats");
  const [metrics, jobs, generations] = await Promise.all([
    api.getText("/metrics"), api.get("/warm"),
    api.get(`/generations?${query}`).catch((err) => (err.status === 400 || err.status === 403 ? { total: 0, generations: [] } : Promise.reject(err))),
  ]);
  state.stats = stats;
  state.history.add(Date.now(), parse(metrics));
  state.jobs = jobs;
  state.generations = withEvicted(generations);
  $("signin").hidden = true;
  $("main").hidden = false;
  $("signout").hidden = !api.hasToken();
  render();
  followJobs(jobs.jobs, streamed);
  await Promise.all([updateObjects(), updateObject()]);
}

// Hearth forgets a generation of which something is evicted until it is warmed or read
// again. Its row stays, for who wants to do that.
function withEvicted(list) {
  for (const g of list.generations) state.evicted.delete(pathOf(g));
  if (state.evicted.size === 0) return list;
  const order = (g) => `${g.bucket}/${g.table}/${g.shard}/${String(g.generation).padStart(20, "0")}`;
  const all = [...list.generations, ...state.evicted.values()].sort((a, b) => (order(a) < order(b) ? -1 : 1));
  return { ...list, generations: all };
}

// ---- what is shown

function render() {
  showState();
  overview(state.history, state.stats, { slots, interval });
  showJobs(state.jobs, { cancel });
  renderGenerations();
}

function showState() {
  const { version, uptime, bypassed } = state.stats;
  text($("version"), version);
  text($("since"), `· up ${span(goSeconds(uptime))}`);
  $("cache").disabled = false;
  $("cache").setAttribute("aria-checked", String(!bypassed));
  text($("cache-text"), bypassed ? "off" : "on");
  document.body.dataset.bypassed = String(bypassed);
}

function renderGenerations() {
  if (!state.generations) return;
  showGenerations(state.generations, state.filter, state.prefix, {
    open: (g) => openPath(pathOf(g), true),
    warm: (g) => warm(pathOf(g), nameOf(g)),
    pin: (g) => warm(pathOf(g), nameOf(g), !g.pinned),
    evict: (g) => evict(pathOf(g), nameOf(g), g.resident_bytes, false),
  });
}

async function updateObjects() {
  const prefix = state.prefix;
  if (!prefix) return;
  const list = await look(`/objects?${new URLSearchParams({ prefix, limit: String(state.limit) })}`);
  if (list && prefix === state.prefix) showObjects(list, state.object, (path) => openPath(path, true));
}

async function updateObject() {
  const path = state.object;
  if (!path) return;
  const r = await look(`/residency?${new URLSearchParams({ path })}`);
  if (path !== state.object) return;
  if (!r) return hideObject();
  showObject(r, {
    warm: (p) => warm(p, p.split("/").at(-1)), pin: (p, on) => warm(p, p.split("/").at(-1), on),
    evict: (p) => evict(p, p.split("/").at(-1), undefined, true),
  });
}

// What cannot be looked at is said where it was asked for, and does not end the updates.
async function look(path) {
  try {
    const answer = await api.get(path);
    text($("open-error"), "");
    return answer;
  } catch (err) {
    if (err.status !== 400 && err.status !== 403 && err.status !== 404) throw err;
    text($("open-error"), err.message);
    return undefined;
  }
}

let frame;

function jobChanged(now) {
  const i = state.jobs.jobs.findIndex((j) => j.job === now.job);
  if (i >= 0) state.jobs.jobs[i] = now;
  else state.jobs.jobs.unshift(now);
  frame ??= requestAnimationFrame(() => {
    frame = undefined;
    showJobs(state.jobs, { cancel });
  });
}

const told = new Set(); // jobs whose end was told

function jobEnded(now) {
  jobChanged(now);
  if (told.has(now.job)) return;
  told.add(now.job);
  const r = now.receipt;
  const what = now.state === "warm" ? `is warm: ${bytes(r.resident_bytes)} in ${plural(r.objects, "object")}`
    : `is ${now.state}: ${now.error?.message ?? now.reason ?? ""}`;
  say(`${now.path} ${what}`, now.state === "warm" ? "good" : "bad");
  refresh();
}

const streamed = { changed: jobChanged, ended: jobEnded };

/** Shows the objects below a path, or the pages of an object. */
async function openPath(path, focus) {
  text($("open-error"), "");
  const directory = path.endsWith("/") || /^s3:\/\/[^/]*$/.test(path);
  if (directory) {
    [state.prefix, state.object, state.limit] = [path, "", firstObjects];
    hideObject();
  } else {
    state.object = path;
    const parent = path.slice(0, path.lastIndexOf("/") + 1);
    if (!state.prefix || !path.startsWith(state.prefix)) [state.prefix, state.limit] = [parent, firstObjects];
  }
  $("open-path").value = path;
  const hash = `#${encodeURI(path)}`;
  if (location.hash !== hash) history.replaceState(null, "", hash);
  try {
    await Promise.all([updateObjects(), updateObject()]);
  } catch (err) {
    say(err.message, "bad");
    return;
  }
  renderGenerations();
  if (!focus) return;
  const title = directory ? $("objects-title") : $("detail-title");
  title.focus({ preventScroll: true });
  title.closest("section").scrollIntoView({ block: "nearest", behavior: calm() ? "auto" : "smooth" });
}

const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

// ---- actions

/** Does something that Hearth may refuse, and says why it did. */
async function act(f, where) {
  try {
    if (where) text(where, "");
    await f();
  } catch (err) {
    if (err.status === 401) return askForToken(err);
    if (where) text(where, err.message);
    else say(err.message, "bad");
  }
  refresh();
}

function warm(path, name, pin, where) {
  return act(async () => {
    const answer = await api.post("/warm", { path, ...(pin !== undefined && { pin }) });
    const pinned = pin === undefined ? "" : pin ? " and pinned" : ", and not pinned any more";
    if (answer.state === "warming") {
      say(`Warming ${name}${pinned}.`);
      followJobs([{ job: answer.job }], streamed); // it may have ended before the next update
    } else say(`${name} is ${answer.state}${pinned}.`, answer.state === "warm" ? "good" : "");
  }, where);
}

async function evict(path, name, resident, one) {
  const yes = await confirm({
    title: `Evict ${name}?`, yes: "Evict", path,
    question: `${resident ? `${bytes(resident)} leave` : "Its pages leave"} memory, with what is known of ${one ? "the object" : "the generation, its pins included"}. `
      + "Nothing is deleted at the origin: the next read fetches it again.",
  });
  if (!yes) return;
  await act(async () => {
    const gone = await api.post("/invalidate", one ? { path } : { prefix: path });
    for (const g of state.generations.generations) {
      if (!path.startsWith(pathOf(g))) continue;
      const { bucket, prefix, table, shard, generation } = g;
      state.evicted.set(pathOf(g), { bucket, prefix, table, shard, generation, state: "evicted" });
    }
    say(`${name} was evicted: ${plural(gone.pages, "page")}, ${bytes(gone.bytes)}.`, "good");
  });
}

const cancel = (id) => act(async () => {
  await api.remove(`/warm/${encodeURIComponent(id)}`);
  say("The warm was cancelled. What was fetched stays.");
});

async function bypass() {
  if (!state.stats) return;
  const on = !state.stats.bypassed;
  if (on && !(await confirm({
    title: "Switch the cache off?", yes: "Switch off",
    question: "Every read goes to the origin until the cache is switched on again, and nothing can be warmed. What is in memory stays there.",
  }))) return;
  await act(async () => {
    const answer = await api.post("/bypass", { on });
    say(answer.bypassed ? "The cache is off: every read goes to the origin." : "The cache is on.", answer.bypassed ? "bad" : "good");
  });
}

function pause() {
  state.paused = !state.paused;
  $("pause").setAttribute("aria-pressed", String(state.paused));
  text($("pause"), state.paused ? "Go on" : "Pause");
  announce(state.paused ? "Updates are paused." : "Updates go on.");
  if (state.paused) schedule();
  else refresh();
}

// ---- token

function askForToken(err) {
  clearTimeout(timer);
  unfollow();
  text($("signin-error"), api.hasToken() ? `Hearth refuses it: ${err.message}.` : "");
  api.setToken("");
  [state.failures, state.updated] = [0, 0];
  connection("signed out");
  $("main").hidden = true;
  $("signout").hidden = true;
  $("cache").disabled = true;
  $("signin").hidden = false;
  $("token").value = "";
  $("token").focus();
}

$("signin-form").addEventListener("submit", (e) => {
  e.preventDefault();
  api.setToken($("token").value.trim());
  refresh();
});

$("signout").addEventListener("click", () => {
  api.setToken("");
  state.history = new History(slots + 1);
  askForToken({ message: "" });
});

// ---- looks

const themes = ["auto", "dark", "light"];

function theme(next) {
  document.documentElement.dataset.theme = next;
  text($("theme-text"), next);
  localStorage.setItem("hearth-theme", next);
  redraw();
}

theme(themes.includes(localStorage.getItem("hearth-theme")) ? localStorage.getItem("hearth-theme") : "auto");
const turn = () => theme(themes[(themes.indexOf(document.documentElement.dataset.theme) + 1) % themes.length]);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
new ResizeObserver(redraw).observe($("objects"));

// ---- controls

$("warm-form").addEventListener("submit", (e) => {
  e.preventDefault();
  const path = $("warm-path").value.trim();
  warm(path, path, $("warm-pin").checked ? true : undefined, $("warm-error"));
});
$("open-form").addEventListener("submit", (e) => {
  e.preventDefault();
  openPath($("open-path").value.trim(), true);
});
$("more").addEventListener("click", () => {
  state.limit = Math.min(10000, state.limit * 4);
  refresh();
});
$("filter").addEventListener("input", () => {
  const server = state.filter.startsWith("s3://") || $("filter").value.startsWith("s3://");
  state.filter = $("filter").value.trim();
  if (server) refresh();
  else renderGenerations();
});
$("cache").addEventListener("click", bypass);
$("pause").addEventListener("click", pause);
$("theme").addEventListener("click", turn);
$("help").addEventListener("click", () => $("shortcuts").showModal());
$("retry").addEventListener("click", refresh);
$("keys-on").checked = localStorage.getItem("hearth-keys") !== "off";
$("keys-on").addEventListener("change", () => localStorage.setItem("hearth-keys", $("keys-on").checked ? "on" : "off"));

document.addEventListener("visibilitychange", () => {
  if (document.hidden) unfollow();
  else if (!state.paused && $("signin").hidden) refresh();
});
addEventListener("online", refresh);
addEventListener("hashchange", fromHash);

function fromHash() {
  const path = decodeURI(location.hash.slice(1));
  if (path.startsWith("s3://")) openPath(path, false);
}

// ---- keys

const go = (id) => {
  $(id).focus();
  $(id).closest("section").scrollIntoView({ block: "start", behavior: calm() ? "auto" : "smooth" });
};
const keys = {
  w: () => go("warm-path"), g: () => go("generations-title"), o: () => go("open-path"), "/": () => go("filter"),
  b: bypass, p: pause, r: () => refresh(), t: turn, "?": () => $("shortcuts").showModal(),
};

document.addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented || document.querySelector("dialog[open]")) return;
  const field = e.target.closest("input:not([type=checkbox])");
  if (e.key === "Escape" && field) return field.blur();
  if (field) return;
  if (e.key === "ArrowUp" || e.key === "ArrowDown") {
    const row = e.target.closest("table.rows tbody tr");
    if (!row) return;
    const next = e.key === "ArrowUp" ? row.previousElementSibling : row.nextElementSibling;
    const at = [...row.querySelectorAll("button:not([hidden])")].indexOf(e.target);
    const buttons = next?.querySelectorAll("button:not([hidden])") ?? [];
    if (buttons.length) {
      buttons[Math.max(0, Math.min(at, buttons.length - 1))].focus();
      e.preventDefault();
    }
    return;
  }
  if (!$("keys-on").checked || $("main").hidden && e.key !== "t" && e.key !== "?") return;
  if (Object.hasOwn(keys, e.key)) {
    e.preventDefault();
    keys[e.key]();
  }
});

connection("connecting");
await refresh();
fromHash();
