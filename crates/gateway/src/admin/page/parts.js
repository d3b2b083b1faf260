// What the page is made of: elements, figures as people read them, and small drawings. Texts are set as texts, so none of them is
// ever read as markup.

/** An element with attributes and children; a child that is no element is a text, and one that is nothing is left out. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== undefined && child !== null && child !== false));
  return made;
}

/** A row of a table whose cells keep their roles when a narrow page shows them as blocks. */
export function row(...cells) {
  return element("tr", { role: "row" }, ...cells);
}

export function cell(label, attributes = {}, ...children) {
  return element("td", { role: "cell", "data-label": label, ...attributes }, ...children);
}

export function rowHeader(...children) {
  return element("th", { role: "rowheader", scope: "row" }, ...children);
}

/** Sets a text only where it changed, so that a selection in it lives on. */
export function say(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

/** Whether an element is shown. */
export function show(place, shown) {
  if (place.hidden === shown) place.hidden = !shown;
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

export function bytes(count) {
  let unit = 0;
  while (count >= 1024 && unit < UNITS.length - 1) {
    count /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? Math.round(count) : digits(count)} ${UNITS[unit]}`;
}

export const rate = (bytesPerSecond) => `${bytes(bytesPerSecond)}/s`;

/** Three digits that count. */
export function digits(value) {
  if (value === 0) return "0";
  return value >= 100 ? Math.round(value).toLocaleString("en") : Number(value.toPrecision(3)).toString();
}

export function duration(seconds) {
  if (seconds < 1) return `${digits(seconds * 1000)} ms`;
  if (seconds < 60) return `${digits(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.floor(minutes / 1440)} days`;
}

/** How long ago a time was, as of another. */
export const since = (then, now) => duration(Math.max(0, Math.round((Date.parse(now) - Date.parse(then)) / 1000)));

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 120;
const HEIGHT = 30;

/** An empty drawing of the last hour. */
export function sparkline(isBad) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  drawing.setAttribute("preserveAspectRatio", "none");
  drawing.setAttribute("role", "img");
  if (isBad) drawing.setAttribute("class", "bad");
  for (const shape of ["polygon", "polyline"]) drawing.append(document.createElementNS(SVG, shape));
  return drawing;
}

/** Draws values, the newest at the right; `most` is how many fill the width. Where there is no value the line stays down. */
export function draw(drawing, values, most, inWords) {
  const highest = Math.max(0, ...values);
  const step = WIDTH / Math.max(1, most - 1);
  const left = WIDTH - step * (values.length - 1);
  const points = values.map((value, at) => {
    const height = highest > 0 ? (value / highest) * (HEIGHT - 2) : 0;
    return `${(left + at * step).toFixed(1)},${(HEIGHT - 1 - height).toFixed(1)}`;
  });
  const [area, line] = drawing.children;
  line.setAttribute("points", points.join(" "));
  area.setAttribute("points", points.length ? `${left.toFixed(1)},${HEIGHT} ${points.join(" ")} ${WIDTH},${HEIGHT}` : "");
  drawing.setAttribute("aria-label", values.length ? `in the last hour at most ${inWords(highest)}` : "no samples yet");
}

/** Where clients send uploads, as `openapi.json` tells it. */
export function serverOf({ servers }) {
  const [first] = servers;
  if (!first) return "http://GATEWAY";
  return first.url.replace("{host}", first.variables?.host.default);
}
