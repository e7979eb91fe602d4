// Calls of the admin API, with the token if there is one.

const key = "hearth-admin-token";
const patience = 10000; // ms

let token = sessionStorage.getItem(key) ?? "";

export const hasToken = () => token !== "";

export function setToken(value) {
  token = value;
  if (value) sessionStorage.setItem(key, value);
  else sessionStorage.removeItem(key);
}

/** An answer that is an error. status is 0 if there was none. */
export class Failure extends Error {
  constructor(status, code, message, field) {
    super(message);
    this.status = status;
    this.code = code;
    this.field = field;
  }
}

async function ask(method, path, { body, accept, signal } = {}) {
  const headers = {};
  if (token) headers.Authorization = `Bearer ${token}`;
  if (accept) headers.Accept = accept;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, {
      method, headers, signal, cache: "no-store", credentials: "omit", redirect: "error",
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (err) {
    if (err.name === "AbortError") throw err;
    throw new Failure(0, "unreachable", err.name === "TimeoutError" ? "Hearth does not answer in time" : "Hearth cannot be reached");
  }
  if (answer.ok) return answer;
  let problem = {};
  try {
    problem = (await answer.json()).error ?? {};
  } catch {
    // Not JSON: the status says enough.
  }
  throw new Failure(answer.status, problem.code ?? "unknown", problem.message ?? `Hearth answered ${answer.status}`, problem.field);
}

// Whatever goes wrong while a body arrives is the same to the caller as no answer.
async function read(promise, how) {
  const answer = await promise;
  try {
    return await answer[how]();
  } catch (err) {
    throw new Failure(0, "unreachable", `the answer of Hearth ended early (${err.name})`);
  }
}

export const get = (path) => read(ask("GET", path, { signal: AbortSignal.timeout(patience) }), "json");
export const getText = (path) => read(ask("GET", path, { signal: AbortSignal.timeout(patience) }), "text");
export const post = (path, body) => read(ask("POST", path, { body, signal: AbortSignal.timeout(patience) }), "json");
export const remove = (path) => read(ask("DELETE", path, { signal: AbortSignal.timeout(patience) }), "json");

/**
 * Follows a job: calls each with its state until it has ended, the stream is cut, or signal
 * says stop. An EventSource cannot send a token, so this reads the stream itself.
 */
export async function follow(id, signal, each) {
  const answer = await ask("GET", `/warm/${encodeURIComponent(id)}`, { accept: "text/event-stream", signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    for (let end; (end = rest.indexOf("\n\n")) >= 0; rest = rest.slice(end + 2)) {
      let kind = "message";
      const data = [];
      for (const line of rest.slice(0, end).split("\n")) {
        if (line.startsWith("event:")) kind = line.slice(6).trim();
        if (line.startsWith("data:")) data.push(line.slice(5).trimStart());
      }
      if (data.length) each(JSON.parse(data.join("\n")), kind);
    }
  }
}
