// Shows `openapi.json` to people: each operation with what it takes, what it answers, and the same as a curl command.

import { element, serverOf, show } from "./parts.js";

const at = (id) => document.getElementById(id);

async function main() {
  const described = await (await fetch("openapi.json")).json();
  const server = serverOf(described);
  for (const [path, item] of Object.entries(described.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      const title = element("code", {}, `${method.toUpperCase()} ${path}`);
      at("contents").append(element("li", {}, element("a", { href: `#${operation.operationId}` }, title.cloneNode(true))));
      at("operations").append(section(title, { path, method, operation, server }));
    }
  }
  // The section that the address names exists only now.
  document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
}

function section(title, { path, method, operation, server }) {
  const id = operation.operationId;
  const { parameters = [], requestBody, responses, description, security } = operation;
  return element("section", { "aria-labelledby": id },
    element("h2", { id, tabindex: -1 }, title),
    element("p", {}, operation.summary),
    ...(description ?? "").split("\n\n").filter(Boolean).map((text) => element("p", {}, text)),
    security && element("p", {}, `Show one of: ${security.flatMap(Object.keys).join(", ")}.`),
    element("p", {}, requestBody.description ?? "", " ", element("small", {}, `As ${Object.keys(requestBody.content).join(", ")}`)),
    parameters.length > 0 && list("Beside the file", parameters.map(parameter)),
    list("Answers", Object.entries(responses).map(answer)),
    element("pre", { tabindex: 0, "aria-label": "The same with curl" }, element("code", {}, curl({ path, method, parameters, requestBody, server }))),
  );
}

function list(title, items) {
  return element("details", {}, element("summary", {}, title), element("ul", {}, ...items));
}

function parameter({ name, in: place, required, description, schema }) {
  const facts = [place, required && "required", ...Object.entries(schema).map(([key, value]) => `${key} ${JSON.stringify(value)}`)];
  return element("li", {}, element("code", {}, name), ` (${facts.filter(Boolean).join(", ")}) `, description ?? "");
}

function answer([status, { description }]) {
  return element("li", {}, `${status}: `, element("small", {}, description.replaceAll("\n\n", " ")));
}

/** A command to start from: what must be there, in capitals where only the caller knows it. */
function curl({ path, method, parameters, requestBody, server }) {
  const required = parameters.filter((one) => one.required && one.in === "query").map(({ name }) => `${name}=${name.toUpperCase()}`);
  const url = `${server}${path.replaceAll(/\{([^}]+)\}/g, (_, name) => name.toUpperCase())}${required.length ? `?${required.join("&")}` : ""}`;
  if (requestBody.content["application/json"] && method === "post" && path.startsWith("/-/")) return `curl '${url}' --json '{"route": "ROUTE"}'`;
  return method === "put" ? `curl -T FILE '${url}'` : `curl -F file=@FILE '${url}'`;
}

main().catch((error) => {
  at("failed").textContent = `The description cannot be shown: ${error.message}`;
  show(at("failed"), true);
});
