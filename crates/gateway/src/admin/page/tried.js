// One upload that is tried: how far its file is, which step is under way, and what it was answered.

import { bytes, element, say, show } from "./parts.js";

const at = (id) => document.getElementById(id);

export class Tried {
  constructor() {
    this.steps = new Map();
    at("stop").addEventListener("click", () => this.request?.abort());
  }

  isBusy() {
    return this.request !== undefined;
  }

  /** The steps that an upload would take. */
  plan(steps) {
    this.steps = new Map(steps.map((step) => [step.id, this.step(step)]));
    at("steps").replaceChildren(...this.steps.values());
  }

  step({ id, stage, when, method, url, headers, body, undo }) {
    const lines = [`${method} ${url}`, ...headers.map((pair) => pair.join(": ")), ...(body.length ? ["", ...body] : [])];
    return element("li", {},
      element("strong", {}, id), ` (${stage}${when ? `, when ${when}` : ""}) `, element("span", { class: "state" }),
      element("pre", {}, lines.join("\n")),
      undo && element("p", {}, element("small", {}, `taken back by ${undo.method} ${undo.url}`)),
    );
  }

  send({ file, url, route, fields }) {
    const request = new XMLHttpRequest();
    this.request = request;
    for (const step of this.steps.values()) this.mark(step, "", "");
    show(at("outcome"), true);
    show(at("told"), false);
    show(at("answer"), false);
    at("send").disabled = true;
    show(at("stop"), true);
    this.progress(0, file.size);
    request.upload.addEventListener("progress", ({ loaded }) => this.progress(loaded, file.size));
    request.addEventListener("load", () => this.answered(request));
    request.addEventListener("error", () => this.ended("No answer came: the connection was lost.", true));
    request.addEventListener("abort", () => this.ended("Stopped. What it began upstream is taken back.", false));
    this.watch(route);
    try {
      request.open("PUT", url);
      for (const [name, value] of fields) request.setRequestHeader(name, value);
      request.send(file);
    } catch (error) {
      this.ended(`It cannot be sent: ${error.message}`, true);
    }
  }

  progress(sent, size) {
    at("progress").value = size ? sent / size : 1;
    say(at("sent"), `${bytes(sent)} of ${bytes(size)} sent`);
  }

  /** Follows the newest upload of the route, which is ours unless somebody else began one in the same second. */
  watch(route) {
    let before;
    this.events = new EventSource("events");
    this.events.addEventListener("status", ({ data }) => {
      const { uploads } = JSON.parse(data);
      const ours = uploads.filter((upload) => upload.route === route && upload.age_seconds < (performance.now() - this.began) / 1000 + 1).pop();
      if (!ours || ours.step === before) return;
      before = ours.step;
      this.reach(ours.step, "now", "under way");
    });
    this.began = performance.now();
  }

  /** Marks a step, and those before it as done. */
  reach(id, kind, text) {
    if (!this.steps.has(id)) return;
    for (const [other, place] of this.steps) {
      if (other === id) return this.mark(place, kind, text);
      this.mark(place, "done", "done");
    }
  }

  mark(place, kind, text) {
    place.className = kind;
    say(place.querySelector(".state"), text);
  }

  answered(request) {
    let answer;
    try {
      answer = JSON.parse(request.responseText);
    } catch {
      return this.ended(request.responseText || `The answer was ${request.status}.`, true);
    }
    say(at("answer"), JSON.stringify(answer, null, 2));
    show(at("answer"), true);
    if (request.status < 300) {
      for (const place of this.steps.values()) this.mark(place, "done", "done");
      return this.ended(answer.status === "processing" ? "The upstream has it and is still at work." : "The file was stored.", false);
    }
    this.reach(answer.step, "failed", "failed");
    this.ended(`${request.status}: ${answer.detail ?? answer.title}`, true);
  }

  ended(text, isBad) {
    this.request = undefined;
    this.events?.close();
    at("send").disabled = false;
    show(at("stop"), false);
    at("told").classList.toggle("bad", isBad);
    say(at("told"), text);
    show(at("told"), true);
    at("outcome-title").focus();
  }
}
