// The problems of the last hour, and the routes.

import { bytes, cell, element, row, rowHeader, say, show, since } from "./parts.js";

const BLAMED = { client: "the client", gateway: "this gateway", upstream: "the upstream" };
const COMMITTED = { no: "nothing was stored", yes: "the file is stored", unknown: "the file may be stored" };
const OUTCOMES = ["completed", "refused", "failed", "cancelled"];

export class Problems {
  constructor() {
    this.table = document.getElementById("problems");
    this.none = document.getElementById("problems-none");
  }

  show(groups, now) {
    show(this.table, groups.length > 0);
    show(this.none, groups.length === 0);
    // Made anew only when something but the clock changed, so that what is selected stays.
    const state = JSON.stringify(groups);
    if (state !== this.state) {
      this.state = state;
      this.ages = [];
      this.table.tBodies[0].replaceChildren(...groups.map((group) => this.row(group)));
    }
    for (const { place, at } of this.ages) say(place, `${since(at, now)} ago`);
  }

  row({ problem, title, status, route, count, example }) {
    const place = element("span");
    this.ages.push({ place, at: example.at });
    const facts = [
      `blame: ${BLAMED[example.blame]}`,
      example.step && `step ${example.step}`,
      example.upstream_status && `the upstream answered ${example.upstream_status}`,
      COMMITTED[example.committed],
    ];
    return row(
      cell("Times", { class: "number" }, count.toLocaleString("en")),
      cell("Problem", {}, element("span", {}, title, " ", element("small", {}, `${status} `, element("code", {}, problem)))),
      cell("Route", {}, route ?? "none"),
      cell("One of them", {}, element("div", {},
        element("p", {}, element("span", { class: "id" }, example.upload_id), " ", element("small", {}, place)),
        element("p", {}, element("small", {}, facts.filter(Boolean).join(", "))),
        example.detail && element("p", {}, example.detail),
      )),
    );
  }
}

export class Routes {
  constructor() {
    this.body = document.getElementById("routes").tBodies[0];
    this.rows = new Map();
  }

  /** What `/routes` tells: the table is made anew. */
  describe(routes) {
    this.rows.clear();
    const made = routes.map((route) => this.row(route.name, describe(route)));
    // Requests that matched no route have no description.
    made.push(this.row("none", element("small", {}, "requests that matched no route")));
    this.body.replaceChildren(...made);
  }

  row(name, more) {
    const numbers = ["In flight", "Completed", "Refused", "Failed", "Cancelled"].map((label) => cell(label, { class: "number" }, "0"));
    this.rows.set(name, numbers);
    return row(rowHeader(name, " ", more), ...numbers);
  }

  show(routes) {
    for (const route of routes) {
      const numbers = this.rows.get(route.route);
      if (!numbers) continue;
      [route.in_flight, ...OUTCOMES.map((outcome) => route[outcome])].forEach((count, at) => say(numbers[at], count.toLocaleString("en")));
      numbers[3].classList.toggle("some", route.failed > 0);
    }
  }
}

function describe(route) {
  const { accept, needs } = route;
  const types = accept.types.allow.length ? accept.types.allow.join(", ") : "any";
  const needed = Object.entries(needs).filter(([, need]) => need).map(([what, need]) => `${what.replace("_", " ")}, because ${need.why}`);
  const params = route.params.map((param) => `${param.name} (${param.type}${param.required ? ", required" : ""})`);
  const lines = [
    route.description,
    `access: ${route.access.in_words}`,
    `files: ${accept.max_bytes === null ? "of any size" : `up to ${bytes(accept.max_bytes)}`}, types: ${types}`,
    needed.length > 0 && `needs ${needed.join("; ")}`,
    params.length > 0 && `parameters: ${params.join(", ")}`,
    ...route.limits,
  ];
  const steps = route.steps.map((step) => {
    const notes = [step.transfers_the_file && "sends the file", step.conditional && "conditional", step.polls && "polls", step.undo && "can be undone"];
    const more = notes.filter(Boolean).join(", ");
    return element("li", {}, `${step.id}: ${step.method} to ${step.target}${more ? ` (${more})` : ""}`);
  });
  return element("details", {},
    element("summary", {}, element("code", {}, route.path)),
    element("ul", {}, ...lines.filter(Boolean).map((line) => element("li", {}, line))),
    element("p", {}, element("small", {}, "Steps")),
    element("ul", {}, ...steps),
    element("p", {}, element("a", { href: `tryout#${encodeURIComponent(route.name)}` }, `Try ${route.name} out`)),
  );
}
