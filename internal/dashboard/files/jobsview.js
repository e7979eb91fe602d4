// Warms that wait or run, with live progress, and the last that ended.

import * as api from "./api.js";
import { bar } from "./draw.js";
import { $, attribute, barCell, cell, el, keyed, row, text } from "./dom.js";
import { bytes, count, goSeconds, plural, seconds } from "./format.js";

// A browser opens six connections to a host: half of them may be streams.
const maxStreams = 3;
const maxEnded = 6;

const streams = new Map(); // job -> AbortController

/** Shows jobs. cancel is called with a job's id. */
export function showJobs(list, { cancel }) {
  const live = list.jobs.filter((j) => !j.finished);
  const ended = list.jobs.filter((j) => j.finished).slice(0, maxEnded);
  text($("warms-sum"), `${plural(list.stats.running, "job")} running, ${count(list.stats.queued)} waiting`);
  $("jobs").hidden = live.length + ended.length === 0;
  $("jobs-empty").hidden = !$("jobs").hidden;
  keyed($("jobs").tBodies[0], [...live, ...ended], (j) => j.job, (j) => makeJob(j, cancel));
}

function makeJob(job, cancel) {
  const state = el("span", { class: "state" });
  const path = el("span", { class: "path" });
  const reason = el("span", { class: "muted" });
  const progress = barCell("resident");
  progress.bar.setAttribute("role", "progressbar");
  progress.bar.removeAttribute("aria-hidden");
  progress.bar.setAttribute("aria-label", `Progress of ${job.path}`);
  const requests = cell("requests num");
  const time = cell("time num");
  const stop = el("button", { type: "button", onclick: () => cancel(job.job), "aria-label": `Cancel the warm of ${job.path}` }, "Cancel");
  const actions = cell("actions", stop);
  return row((j) => {
    const r = j.receipt;
    const named = j.finished || j.started ? j.state : "waiting";
    text(state, named);
    state.dataset.state = named;
    text(path, j.path);
    path.title = j.path;
    text(reason, [j.reason, j.error?.message, j.pinned && "pinned"].filter(Boolean).join(", "));
    const share = r.bytes ? r.resident_bytes / r.bytes : j.state === "warm" ? 1 : 0;
    bar(progress.bar, share);
    attribute(progress.bar, "aria-valuenow", Math.floor(share * 100));
    attribute(progress.bar, "aria-valuetext", `${bytes(r.resident_bytes)} of ${bytes(r.bytes)}`);
    text(progress.words, r.bytes || j.finished ? `${bytes(r.resident_bytes)} of ${bytes(r.bytes)}, ${plural(r.objects, "object")}` : "looking what there is");
    text(requests, `${count(r.requests.get + r.requests.head + r.requests.list)} requests`);
    text(time, seconds(goSeconds(r.elapsed)));
    stop.hidden = Boolean(j.finished);
  }, cell("first", state), cell("name", path, " ", reason), progress.td, requests, time, actions);
}

/**
 * Follows some of the jobs that are not followed yet. changed is called with a job's new
 * state, ended with its last one.
 */
export function followJobs(jobs, { changed, ended }) {
  for (const job of jobs) {
    if (job.finished || streams.has(job.job) || streams.size >= maxStreams) continue;
    const controller = new AbortController();
    streams.set(job.job, controller);
    api.follow(job.job, controller.signal, (now) => (now.finished ? ended(now) : changed(now)))
      .catch(() => {}) // the next update says what became of it
      .finally(() => streams.delete(job.job));
  }
}

/** Ends all streams, as when nobody looks. */
export function unfollow() {
  for (const controller of streams.values()) controller.abort();
}
