// What the page says: short messages, questions, the state of the connection.

import { $, el, text } from "./dom.js";

const shownFor = 6000; // ms

/** Shows a message for a while; whoever listens hears it. kind is "", "good" or "bad". */
export function say(message, kind = "") {
  const toast = el("p", { class: "toast", "data-kind": kind }, message);
  $("toasts").append(toast);
  while ($("toasts").children.length > 4) $("toasts").firstChild.remove();
  setTimeout(() => toast.remove(), kind === "bad" ? 2 * shownFor : shownFor);
}

/** Says something to those who listen alone. */
export function announce(message) {
  text($("announce"), message);
}

let answer; // takes the answer to the question that is open

$("confirm").addEventListener("close", () => {
  // The event comes after the dialog has closed: by then the next question may be open.
  if (!$("confirm").open) answer?.($("confirm").returnValue === "yes");
});

/** Asks in the page. The answer is true only if it was "yes". */
export function confirm({ title, question, path = "", yes }) {
  answer?.(false);
  const dialog = $("confirm");
  text($("confirm-title"), title);
  text($("confirm-text"), question);
  text($("confirm-path"), path);
  $("confirm-path").hidden = !path;
  text($("confirm-yes"), yes);
  dialog.returnValue = "no";
  dialog.showModal();
  $("confirm-no").focus();
  return new Promise((resolve) => {
    answer = (is) => {
      answer = undefined;
      resolve(is);
    };
  });
}

/**
 * Shows how the connection is: "live", "paused", "connecting", or "lost" with since when
 * (ms) there is nothing new and when the next try is.
 */
export function connection(state, { since = 0, next = 0, why = "" } = {}) {
  const pill = $("connection");
  const before = pill.dataset.state;
  pill.dataset.state = state;
  text($("connection-text"), state === "lost" ? "no connection" : state);
  document.body.dataset.stale = String(state === "lost");
  $("banner").hidden = state !== "lost";
  if (state === "lost") {
    const age = since ? ` What you see is ${Math.round((Date.now() - since) / 1000)} s old.` : "";
    const wait = Math.max(0, Math.ceil((next - Date.now()) / 1000));
    text($("banner-text"), `${why}.${age} ${wait ? `Trying again in ${wait} s.` : "Trying again."}`);
  }
  if (state === before) return;
  if (state === "lost") announce(`${why}. The numbers are out of date.`);
  if (state === "live" && before === "lost") announce("Connected again. The numbers are current.");
}
