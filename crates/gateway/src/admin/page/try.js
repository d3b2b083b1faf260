// Tries a route out: a form for what the route takes, its plan, the upload itself, and the same as a command.

import { bytes, element, say, serverOf, show } from "./parts.js";
import { Tried } from "./tried.js";

const at = (id) => document.getElementById(id);
const CAPTURES = /\{([^}.]+)(?:\.\.\.)?\}/g;

let routes = [];
let server;
/** Of plans that were asked for, the newest counts. */
let asked = 0;
const tried = new Tried();

const route = () => routes.find(({ name }) => name === at("route").value);

async function main() {
  const [described, api] = await Promise.all(["routes", "openapi.json"].map(async (path) => (await fetch(path)).json()));
  routes = described.routes;
  server = serverOf(api);
  at("route").append(...routes.map(({ name, path }) => element("option", { value: name }, `${name} (${path})`)));
  const wanted = decodeURIComponent(location.hash.slice(1));
  if (routes.some(({ name }) => name === wanted)) at("route").value = wanted;
  at("route").addEventListener("change", choose);
  at("form").addEventListener("input", changed);
  at("form").addEventListener("submit", send);
  at("file").addEventListener("change", takeFile);
  takeDrops(at("drop"));
  choose();
}

/** The fields of the chosen route. */
function choose() {
  const { path, params, access } = route();
  history.replaceState(null, "", `#${encodeURIComponent(route().name)}`);
  const captured = [...path.matchAll(CAPTURES)].map(([, name]) => ({ name, type: "string", required: true, description: "part of the path" }));
  at("params").replaceChildren(...[...captured, ...params].flatMap(field));
  say(at("access"), `Who may: ${access.in_words}. What it asks for goes here as a header field, such as Authorization: Bearer …`);
  changed();
}

function field(param) {
  const id = `param-${param.name}`;
  const facts = [param.required && "required", param.default !== null && param.default !== undefined && `otherwise ${param.default}`, param.description];
  const note = facts.filter(Boolean).join(", ");
  const attributes = { id, "data-param": param.name, required: param.required && "", "aria-describedby": note && `${id}-note` };
  return [
    element("label", { for: id }, param.name),
    input(param, attributes),
    note && element("small", { id: `${id}-note` }, note),
  ].filter(Boolean);
}

function input({ type, enum: oneOf }, attributes) {
  const choices = oneOf?.length ? oneOf : type === "boolean" ? ["true", "false"] : null;
  if (choices) return element("select", attributes, element("option", { value: "" }, "not said"), ...choices.map((choice) => element("option", { value: choice }, String(choice))));
  if (type === "integer") return element("input", { ...attributes, type: "number", step: 1, autocomplete: "off" });
  if (type === "number") return element("input", { ...attributes, type: "number", step: "any", autocomplete: "off" });
  return element("input", { ...attributes, autocomplete: "off" });
}

function takeDrops(place) {
  const over = (event, is) => {
    event.preventDefault();
    place.classList.toggle("over", is);
  };
  place.addEventListener("dragover", (event) => over(event, true));
  place.addEventListener("dragleave", (event) => over(event, false));
  place.addEventListener("drop", (event) => {
    over(event, false);
    if (!event.dataTransfer.files.length) return;
    at("file").files = event.dataTransfer.files;
    takeFile();
  });
}

function takeFile() {
  const [file] = at("file").files;
  say(at("chosen"), file ? `${file.name}, ${bytes(file.size)}, ${typeOf(file)}` : "No file is chosen.");
  at("name").value = file?.name ?? "";
  changed();
}

const typeOf = (file) => file.type || "application/octet-stream";

/** Everything that is filled in. */
function filled() {
  const [file] = at("file").files;
  const params = [...at("params").querySelectorAll("[data-param]")].map((input) => [input.dataset.param, input.value]);
  return { file, name: at("name").value || file?.name, given: params.filter(([, value]) => value !== "") };
}

/** Path and query of the upload. */
function target({ name, given }) {
  const values = new Map(given);
  const captured = new Set();
  const path = route().path.replaceAll(CAPTURES, (_, part) => {
    captured.add(part);
    return encodeURIComponent(values.get(part) ?? part.toUpperCase());
  });
  const query = given.filter(([param]) => !captured.has(param)).map((pair) => pair.map(encodeURIComponent).join("="));
  return `${path}/${encodeURIComponent(name ?? "FILE")}${query.length ? `?${query.join("&")}` : ""}`;
}

function changed() {
  const now = filled();
  say(at("curl"), command(now));
  plan(now).catch(fail);
}

/** For a POSIX shell: nothing in single quotes has a meaning. A credential is not shown. */
function command(now) {
  const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
  const [header] = at("credential").value.split(":");
  const fields = [now.file && `Content-Type: ${typeOf(now.file)}`, header && `${header}: …`].filter(Boolean);
  return ["curl", "-T", quoted(now.file?.name ?? "FILE"), ...fields.flatMap((text) => ["-H", quoted(text)]), quoted(`${server}${target(now)}`)].join(" ");
}

async function plan({ file, name, given }) {
  asked += 1;
  const mine = asked;
  if (!file) {
    say(at("refusal"), "");
    show(at("refusal"), false);
    at("facts").replaceChildren(element("li", {}, "It depends on the file: choose one."));
    return tried.plan([]);
  }
  const query = [["route", route().name], ["name", name], ["type", typeOf(file)], ["size", String(file.size)]];
  query.push(...given.map(([param, value]) => [`param.${param}`, value]));
  const answer = await fetch(`plan?${query.map((pair) => pair.map(encodeURIComponent).join("=")).join("&")}`);
  const found = await answer.json();
  if (mine !== asked || tried.isBusy()) return;
  say(at("refusal"), answer.ok ? "" : `As it stands this upload is refused: ${found.detail ?? found.title}`);
  show(at("refusal"), !answer.ok);
  at("facts").replaceChildren(...(answer.ok ? facts(found) : []).map((text) => element("li", {}, text)));
  tried.plan(answer.ok ? found.steps : []);
}

function facts({ needs, limits, memory, commit }) {
  return [...needs.map((need) => `Needs ${need}`), ...(limits ?? []), `Memory: ${memory.bound}`, `Commit: ${commit}`];
}

function send(event) {
  event.preventDefault();
  const now = filled();
  const [header, ...value] = at("credential").value.split(":");
  const fields = header ? [[header.trim(), value.join(":").trim()]] : [];
  tried.send({ ...now, url: `try${target(now)}`, route: route().name, fields: [["Content-Type", typeOf(now.file)], ...fields] });
}

function fail(error) {
  say(at("failed"), `The page cannot go on: ${error.message}`);
  show(at("failed"), true);
}

main().catch(fail);
