// The figures at the top: each says what is, and draws what was.

import { bytes, digits, draw, duration, element, rate, say, since, sparkline } from "./parts.js";

const count = (value) => value.toLocaleString("en");
const perSecond = (value) => `${digits(value)} per second`;

// What each tile draws of a sample, and how that is said.
const TILES = [
  { title: "Received", of: (sample) => sample.received_bytes_per_second, words: rate },
  { title: "Uploads in flight", of: (sample) => sample.in_flight, words: count },
  { title: "Completed", of: (sample) => sample.completed_per_second, words: perSecond },
  { title: "Refused, failed, cancelled", of: (sample) => sample.other_per_second, words: perSecond, bad: true },
  { title: "Duration of completed uploads", of: (sample) => sample.p95_seconds ?? 0, words: duration },
  { title: "Buffer memory", of: (sample) => sample.memory_bytes, words: bytes },
];

export class Tiles {
  constructor(place) {
    this.parts = TILES.map(({ title, bad }) => {
      const value = element("p", { class: "value" }, "–");
      const note = element("small");
      const drawing = sparkline(bad);
      place.append(element("div", { class: "tile" }, element("h3", {}, title), value, note, drawing));
      return { value, note, drawing };
    });
    this.configuration = { value: element("p", { class: "value" }, "–"), note: element("small") };
    const { value, note } = this.configuration;
    place.append(element("div", { class: "tile" }, element("h3", {}, "Configuration"), value, note));
    this.samples = [];
  }

  /** The last hour changed. */
  draw({ every_seconds: every, samples }) {
    this.samples = samples;
    TILES.forEach(({ of, words }, at) => draw(this.parts[at].drawing, samples.map(of), 3600 / every, words));
  }

  show(status, receivedPerSecond) {
    const latest = this.samples.at(-1);
    const set = (at, value, note) => {
      say(this.parts[at].value, value);
      say(this.parts[at].note, note);
    };
    const { in_flight: inFlight, memory, configuration } = status;
    set(0, receivedPerSecond === undefined ? "–" : rate(receivedPerSecond), latest ? `${rate(latest.received_bytes_per_second)} in the last 10 s` : "");
    set(1, count(inFlight.uploads), `at most ${count(inFlight.limit)}`);
    set(2, latest ? `${digits(latest.completed_per_second)}/s` : "–", `${count(sum(status, "completed"))} in the last hour`);
    set(3, latest ? `${digits(latest.other_per_second)}/s` : "–", ["refused", "failed", "cancelled"].map((one) => `${count(sum(status, one))} ${one}`).join(", "));
    const last = this.samples.findLast((sample) => sample.median_seconds !== null);
    set(4, last ? duration(last.median_seconds) : "–", last ? `19 of 20 within ${duration(last.p95_seconds)}` : "none in the last hour");
    set(5, bytes(memory.used_bytes), `${Math.ceil((100 * memory.used_bytes) / memory.limit_bytes)} % of ${bytes(memory.limit_bytes)}`);
    say(this.configuration.value, `generation ${configuration.generation}`);
    say(this.configuration.note, `in force for ${since(configuration.in_force_since, status.at)}`);
  }
}

const sum = (status, outcome) => status.routes.reduce((sum, route) => sum + route[outcome], 0);
