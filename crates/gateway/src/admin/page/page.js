// The page: listens to what the gateway tells every second, and shows it.

import { say, show } from "./parts.js";
import { Problems, Routes } from "./lists.js";
import { Tiles } from "./tiles.js";
import { Uploads } from "./uploads.js";

// After the gateway did not answer at all. A browser tries again by itself only where a connection broke.
const TRY_AGAIN_MS = 5000;

const at = (id) => document.getElementById(id);
const tiles = new Tiles(at("tiles"));
const uploads = new Uploads(ask);
const problems = new Problems();
const routes = new Routes();
let paused = false;
let latest;
let receivedPerSecond;
let described;

function connect() {
  const events = new EventSource("events");
  events.addEventListener("history", ({ data }) => tiles.draw(JSON.parse(data)));
  events.addEventListener("status", ({ data }) => {
    const before = latest;
    latest = { ...JSON.parse(data), arrived: performance.now() };
    uploads.measure(latest.uploads, latest.arrived);
    receivedPerSecond = rateOf(before, latest);
    if (!paused) render();
  });
  events.addEventListener("error", () => {
    badge("not connected", "bad");
    if (events.readyState === EventSource.CLOSED) setTimeout(connect, TRY_AGAIN_MS);
  });
}

function render() {
  const { state, version, configuration, in_flight: inFlight } = latest;
  badge(state, state === "ready" ? "good" : "bad");
  say(at("version"), version);
  document.title = `${inFlight.uploads} in flight · Tidegate`;
  const { refused } = configuration;
  say(at("refused"), refused ? `The changed configuration was refused; the one before stays in force. ${refused.why}` : "");
  show(at("refused"), refused !== null);
  tiles.show(latest, receivedPerSecond);
  uploads.show(latest.uploads, inFlight.uploads);
  problems.show(latest.problems, latest.at);
  if (described !== configuration.generation) describe(configuration.generation);
  else routes.show(latest.routes);
}

/** Bytes received per second between two looks; unknown at the first, and where the process began anew. */
function rateOf(before, now) {
  const received = before ? now.received_bytes - before.received_bytes : -1;
  return received >= 0 ? (1000 * received) / Math.max(1, now.arrived - before.arrived) : undefined;
}

/** Asks what the routes are, once for each configuration. */
async function describe(generation) {
  described = generation;
  try {
    const { routes: all } = await (await fetch("routes")).json();
    routes.describe(all);
    routes.show(latest.routes);
    uploads.offer(all.map((route) => route.name));
  } catch {
    // Asked again with the next status.
    described = undefined;
  }
}

function badge(text, kind) {
  say(at("state"), text);
  at("state").className = `badge ${kind}`;
}

function tell(text) {
  say(at("told"), text);
  show(at("told"), true);
}

/** Asks before an upload is cancelled. */
function ask(upload) {
  say(at("ask-what"), `${upload.upload_id}, ${upload.route}`);
  at("ask-yes").onclick = async () => {
    at("ask").close();
    tell(await cancel(upload.upload_id));
  };
  at("ask").showModal();
}

async function cancel(id) {
  try {
    const answer = await fetch(`uploads/${id}`, { method: "DELETE" });
    if (answer.ok) return `Upload ${id} is being cancelled.`;
    return `Upload ${id} was not cancelled: ${(await answer.text()).trim()}.`;
  } catch {
    return `Upload ${id} was not cancelled: the gateway does not answer.`;
  }
}

at("ask-no").addEventListener("click", () => at("ask").close());
at("filter").addEventListener("change", () => latest && uploads.show(latest.uploads, latest.in_flight.uploads));
at("pause").addEventListener("click", () => {
  paused = !paused;
  at("pause").setAttribute("aria-pressed", String(paused));
  if (!paused && latest) render();
});
connect();
