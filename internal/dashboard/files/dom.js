// Elements, and lists of them that keep focus while their contents change.

export const $ = (id) => document.getElementById(id);

/** Makes an element: el("td", {class: "num"}, "text", child). */
export function el(tag, attributes = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) e.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) e.setAttribute(name, value === true ? "" : value);
  }
  e.append(...children);
  return e;
}

/** Sets text, if it is another one: what does not change is not touched. */
export function text(e, value) {
  if (e.textContent !== value) e.textContent = value;
}

/** Sets an attribute, or takes it away, if it is another one. */
export function attribute(e, name, value) {
  if (value === undefined || value === false) e.removeAttribute(name);
  else if (e.getAttribute(name) !== String(value)) e.setAttribute(name, String(value));
}

/**
 * Makes the children of a parent those of a list. make(item) returns an element with a
 * function update(item) of its own; an element stays the same as long as its key is there,
 * so that whoever has it in focus goes on having it.
 */
export function keyed(parent, items, keyOf, make) {
  const before = new Map([...parent.children].map((e) => [e.dataset.key, e]));
  let at = null;
  for (const item of items) {
    const key = keyOf(item);
    let e = before.get(key);
    before.delete(key);
    if (!e) {
      e = make(item);
      e.dataset.key = key;
    }
    const next = at ? at.nextElementSibling : parent.firstElementChild;
    if (next !== e) parent.insertBefore(e, next);
    e.update(item);
    at = e;
  }
  for (const [, gone] of before) {
    const hadFocus = gone.contains(document.activeElement);
    const neighbour = gone.nextElementSibling ?? gone.previousElementSibling;
    gone.remove();
    if (hadFocus) (neighbour?.querySelector("button") ?? parent.closest("section")?.querySelector("[tabindex]"))?.focus();
  }
}

/** A row of a table of roles, whose looks may differ from those of a table. */
export function row(update, ...cells) {
  const tr = el("tr", { role: "row" }, ...cells);
  tr.update = update;
  return tr;
}

export const cell = (name, ...children) => el("td", { role: "cell", class: name }, ...children);

/** A bar with what it says in words. */
export function barCell(name) {
  const bar = el("span", { class: "bar", "aria-hidden": "true" });
  const words = el("span", { class: "words" });
  return { bar, words, td: cell(name, bar, words) };
}

/** Rows of numbers: the first cell of each is its heading. */
export function numbers(tbody, rows) {
  keyed(tbody, rows, (r) => r.name, (r) => {
    const head = el("th", { scope: "row" });
    if (r.kind) head.append(el("i", { class: "swatch", "data-kind": r.kind, "aria-hidden": "true" }));
    head.append(r.name);
    const cells = r.values.map(() => el("td", { class: "num" }));
    const tr = el("tr", {}, head, ...cells);
    tr.update = (now) => now.values.forEach((v, i) => text(cells[i], v));
    return tr;
  });
}
