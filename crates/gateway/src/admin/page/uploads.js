// The table of uploads in flight. Rows live as long as their uploads, so that focus and selection stay where they are.

import { bytes, cell, duration, element, rate, row, rowHeader, say, show } from "./parts.js";

const SIDES = { client: "client", upstream: "upstream", gateway: "limits of the route" };

export class Uploads {
  /** `ask` is called with an upload that somebody wants to cancel. */
  constructor(ask) {
    this.ask = ask;
    this.title = document.getElementById("uploads-title");
    this.table = document.getElementById("uploads");
    this.body = this.table.tBodies[0];
    this.none = document.getElementById("uploads-none");
    this.more = document.getElementById("uploads-more");
    this.filter = document.getElementById("filter");
    this.rows = new Map();
    this.speeds = new Map();
  }

  /** Notes how far each upload is, whether it is shown or not: speeds need two looks. */
  measure(uploads, now) {
    const speeds = new Map();
    for (const upload of uploads) {
      const before = this.speeds.get(upload.upload_id);
      const seconds = before ? (now - before.at) / 1000 : upload.age_seconds;
      const received = upload.received_bytes - (before?.received ?? 0);
      const latest = seconds > 0 ? received / seconds : 0;
      // Half of the new and half of the old: a single second says little.
      const speed = before ? (latest + before.speed) / 2 : latest;
      speeds.set(upload.upload_id, { at: now, received: upload.received_bytes, speed });
    }
    this.speeds = speeds;
  }

  show(uploads, inFlight) {
    const wanted = this.filter.value;
    const shown = uploads.filter((upload) => !wanted || upload.route === wanted);
    say(this.title, `Uploads in flight: ${inFlight.toLocaleString("en")}`);
    show(this.table, shown.length > 0);
    show(this.none, shown.length === 0);
    say(this.none, uploads.length ? "No upload of this route is in flight." : "No upload is in flight.");
    show(this.more, inFlight > uploads.length);
    say(this.more, `Shown are the ${uploads.length} oldest of ${inFlight.toLocaleString("en")}.`);
    const gone = new Set(this.rows.keys());
    for (const upload of shown) {
      gone.delete(upload.upload_id);
      const parts = this.rows.get(upload.upload_id) ?? this.add(upload);
      this.update(parts, upload);
    }
    for (const id of gone) this.remove(id);
  }

  /** The routes that can be chosen. */
  offer(routes) {
    const chosen = this.filter.value;
    this.filter.replaceChildren(element("option", { value: "" }, "all"), ...routes.map((route) => element("option", { value: route }, route)));
    this.filter.value = routes.includes(chosen) ? chosen : "";
  }

  add(upload) {
    const id = upload.upload_id;
    const parts = {
      step: element("small"),
      bar: element("progress", { max: 1, "aria-label": `Progress of upload ${id}` }),
      far: element("span"),
      rate: cell("Rate", { class: "number" }),
      age: cell("Age", { class: "number" }),
      side: cell("Waits for"),
      cancel: element("button", { type: "button", class: "danger", "aria-label": `Cancel upload ${id}` }, "Cancel"),
    };
    parts.cancel.addEventListener("click", () => this.ask(parts.latest));
    parts.row = row(
      rowHeader(element("span", { class: "id", title: id }, id)),
      cell("Route", {}, element("span", {}, upload.route, " ", parts.step)),
      cell("Progress", {}, element("span", {}, parts.bar, parts.far)),
      parts.rate, parts.age, parts.side,
      element("td", { role: "cell" }, parts.cancel),
    );
    this.rows.set(id, parts);
    this.body.append(parts.row);
    return parts;
  }

  update(parts, upload) {
    parts.latest = upload;
    const { received_bytes: received, size } = upload;
    say(parts.step, upload.step ? `${upload.stage}, ${upload.step}` : upload.stage);
    if (size) parts.bar.value = Math.min(1, received / size);
    else parts.bar.removeAttribute("value");
    const part = size ? ` (${Math.floor((100 * received) / size)} %)` : "";
    say(parts.far, `${bytes(received)} of ${size === null ? "unknown size" : bytes(size)}${part}`);
    say(parts.rate, rate(this.speeds.get(upload.upload_id)?.speed ?? upload.bytes_per_second));
    say(parts.age, duration(Math.round(upload.age_seconds)));
    say(parts.side, SIDES[upload.slow_side] ?? "nobody");
    parts.side.className = upload.slow_side ? `slow-${upload.slow_side}` : "";
  }

  remove(id) {
    const { row } = this.rows.get(id);
    // Whoever was on it goes on from the table's title and not from the top of the page.
    if (row.contains(document.activeElement)) this.title.focus();
    row.remove();
    this.rows.delete(id);
  }
}
