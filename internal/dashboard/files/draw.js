// Small drawings: sparklines, bars, the strip of an object's pages.

const namespace = "http://www.w3.org/2000/svg";

/**
 * Draws numbers as a line, oldest left; NaN is a gap. top is the largest number that the
 * height has room for, otherwise what there is.
 */
export function spark(svg, numbers, { top, slots, label }) {
  const width = 240;
  const height = 44;
  const known = numbers.filter(Number.isFinite);
  const most = top ?? Math.max(...known, 1e-9) * 1.1;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-label", label);
  const x = (i) => ((slots - numbers.length + i + 1) / slots) * width;
  const y = (n) => height - 1.5 - (Math.min(n, most) / most) * (height - 4);
  let line = "";
  let area = "";
  let begun = -1;
  const end = (i) => {
    if (begun >= 0) area += `L${x(i).toFixed(1)},${height}L${x(begun).toFixed(1)},${height}Z`;
    begun = -1;
  };
  numbers.forEach((n, i) => {
    if (!Number.isFinite(n)) return end(i - 1);
    const point = `${x(i).toFixed(1)},${y(n).toFixed(1)}`;
    if (begun < 0) {
      begun = i;
      line += `M${point}h0.01`; // a lone point shows too
      area += `M${point}`;
    } else {
      line += `L${point}`;
      area += `L${point}`;
    }
    return undefined;
  });
  end(numbers.length - 1);
  for (const [name, d] of [["area", area], ["line", line]]) {
    let path = svg.querySelector(`.${name}`);
    if (!path) {
      path = document.createElementNS(namespace, "path");
      path.setAttribute("class", name);
      path.setAttribute("vector-effect", "non-scaling-stroke");
      svg.append(path);
    }
    path.setAttribute("d", d);
  }
}

/** Draws parts of a whole beside each other: [{kind, share, title}]. */
export function stack(element, parts) {
  while (element.children.length < parts.length) element.append(document.createElement("i"));
  while (element.children.length > parts.length) element.lastChild.remove();
  parts.forEach(({ kind, share, title }, i) => {
    const part = element.children[i];
    part.dataset.kind = kind;
    part.title = title;
    part.style.setProperty("--share", String(Math.max(0, share || 0)));
  });
}

/** Sets how far a bar is. */
export function bar(element, share) {
  element.style.setProperty("--share", String(Math.min(1, Math.max(0, share || 0))));
  element.dataset.full = String(share >= 1);
}

/**
 * Draws which pages of a version are resident on a canvas, each column as dense as what it
 * stands for, and above it whose role the bytes have.
 */
export function strip(canvas, { pages, pageBytes, size, runs, roles }) {
  const scale = Math.min(3, window.devicePixelRatio || 1);
  const width = Math.max(1, Math.round(canvas.clientWidth * scale));
  const height = Math.max(1, Math.round(canvas.clientHeight * scale));
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const draw = canvas.getContext("2d");
  const style = getComputedStyle(canvas);
  const color = (name) => { // as it is in the scheme of the page, which only a real property says
    canvas.style.color = `var(${name}, var(--muted))`;
    return style.color;
  };
  draw.clearRect(0, 0, width, height);
  const band = roles?.length ? Math.round(6 * scale) : 0;
  const gap = band ? Math.round(3 * scale) : 0;

  roles?.forEach(({ role, offset, bytes }) => {
    draw.fillStyle = color(`--role-${role}`);
    const from = Math.floor((offset / size) * width);
    draw.fillRect(from, 0, Math.max(1, Math.ceil(((offset + bytes) / size) * width) - from), band);
  });

  const top = band + gap;
  draw.fillStyle = color("--hollow");
  draw.fillRect(0, top, width, height - top);
  const filled = new Float32Array(width); // the share of each column that is resident
  const place = (page) => (Math.min(page * pageBytes, size) / size) * width;
  for (const [first, last] of runs) {
    const from = place(first);
    const to = place(last + 1);
    for (let x = Math.floor(from); x < Math.min(width, Math.ceil(to)); x++) {
      filled[x] += Math.min(x + 1, to) - Math.max(x, from);
    }
  }
  draw.fillStyle = color("--memory");
  for (let x = 0; x < width; x++) {
    if (filled[x] <= 0) continue;
    draw.globalAlpha = Math.max(0.25, Math.min(1, filled[x])); // one page of thousands shows
    draw.fillRect(x, top, 1, height - top);
  }
  draw.globalAlpha = 1;
  if (width / pages >= 6 * scale) { // where one page ends and the next begins
    draw.fillStyle = color("--card");
    for (let page = 1; page < pages; page++) draw.fillRect(Math.round(place(page)) - 1, top, Math.max(1, Math.round(scale)), height - top);
  }
}
