// What a browser test needs around the browser: an upstream that tells what it got, the sandbox, the gateway, and two page
// servers, of which one is an origin that the gateway allows. All on loopback, on ports that the system chooses.

import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, get, request } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");

/** Starts everything. */
export async function start(tidegate) {
  const folder = mkdtempSync(join(tmpdir(), "tidegate-browser-"));
  const upstream = await startUpstream();
  const pages = await startPages();
  const strangers = await startPages();
  const sandbox = await startSandbox(tidegate, folder);
  writeConfiguration(folder, upstream.origin, pages.origin);
  const gateway = await startGateway(tidegate, folder, sandbox.environment);
  const stop = async () => {
    for (const process of [gateway.process, sandbox.process]) await ended(process);
    for (const server of [upstream.server, pages.server, strangers.server]) {
      server.closeAllConnections();
      server.close();
    }
    rmSync(folder, { recursive: true, force: true });
  };
  /** A second gateway under the same configuration. */
  const another = async () => {
    const second = await startGateway(tidegate, folder, sandbox.environment);
    return { ...second, stop: () => ended(second.process) };
  };
  return { folder, upstream, pages: pages.origin, strangers: strangers.origin, ...gateway, another, stop };
}

/** An upload that sends as much as it is told, when it is told. */
export function beginUpload(url, size) {
  let sent = 0;
  const upload = request(url, { method: "PUT", headers: { "Content-Length": size } });
  const answer = new Promise((resolve, reject) => {
    upload.on("error", reject);
    upload.on("response", async (response) => {
      const chunks = [];
      for await (const chunk of response) chunks.push(chunk);
      resolve({ status: response.statusCode, body: JSON.parse(Buffer.concat(chunks)) });
    });
  });
  // Whoever leaves does not wait for the answer.
  answer.catch(() => {});
  const send = (count) => new Promise((resolve) => {
    sent += count;
    upload.write(Buffer.alloc(count), resolve);
    if (sent === size) upload.end();
  });
  return { send, answer: () => answer, leave: () => upload.destroy() };
}

function listen(server) {
  return new Promise((resolve, reject) => {
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${server.address().port}`));
  });
}

/**
 * An upstream that keeps what it got. Files whose names begin with `pair-` are answered once two of them are there; those that
 * begin with `held-` are not read before they are released.
 */
async function startUpstream() {
  const stored = [];
  const pair = [];
  const gate = { open: true, waiting: [] };
  const hold = () => { gate.open = false; };
  const release = () => {
    gate.open = true;
    gate.waiting.splice(0).forEach((request) => request.resume());
  };
  const server = createServer((request, response) => {
    const hash = createHash("sha256");
    let size = 0;
    request.on("data", (chunk) => { hash.update(chunk); size += chunk.length; });
    const name = decodeURIComponent(request.url.split("/").pop());
    if (name.startsWith("held-") && !gate.open) {
      request.pause();
      gate.waiting.push(request);
    }
    request.on("end", () => {
      stored.push({ name, size, sha256: hash.digest("hex"), type: request.headers["content-type"] });
      const answer = () => {
        response.writeHead(201, { "Content-Type": "application/json" });
        response.end(JSON.stringify({ id: stored.length, url: `https://files.example.com/${stored.length}` }));
      };
      if (!name.startsWith("pair-")) return answer();
      pair.push(answer);
      if (pair.length === 2) pair.splice(0).forEach((one) => one());
    });
  });
  return { server, origin: await listen(server), stored, hold, release };
}

/** A site with an empty page, the Uppy bundle and the example of the documentation. */
async function startPages() {
  const bundle = buildSync({
    entryPoints: [join(ROOT, "tests/browser/uppy.mjs")], bundle: true, write: false, format: "iife", target: "chrome100",
  }).outputFiles[0].contents;
  const files = {
    "/": ["text/html", "<!doctype html><title>A page</title><link rel=icon href=data:,>"],
    "/uppy.js": ["text/javascript", bundle],
    "/example": ["text/html", readFileSync(join(ROOT, "docs/examples/browser/index.html"))],
  };
  const server = createServer((request, response) => {
    const found = files[request.url.split("?")[0]];
    response.writeHead(found ? 200 : 404, { "Content-Type": found?.[0] ?? "text/plain" });
    response.end(found?.[1]);
  });
  return { server, origin: await listen(server) };
}

const route = (name, upstream, more) => `
route: ${name}
path: /${name}
digests: [sha-256]
${more}
targets:
  store: { url: '${upstream}' }
steps:
  - id: store
    request: POST /\${ file.name }
    target: store
    headers: { Content-Type: '\${ file.type }' }
    body: file
    expect: 201
result: { id: '\${ store.json.id }', url: '\${ store.json.url }' }
`;

function writeConfiguration(folder, upstream, pages) {
  const routes = join(folder, "routes");
  mkdirSync(routes);
  const write = (name, more) => writeFileSync(join(routes, `${name}.yaml`), route(name, upstream, more));
  write("files", `cors: { origins: ${pages} }\naccept: { extensions: { deny: [exe] } }`);
  write("small", `cors: { origins: ${pages} }\naccept: { size: { max: 1MiB } }`);
  write("with-cookies", `cors: { origins: ${pages}, credentials: true }`);
  write("without-cors", "");
  const shipped = "kustomer-media.yaml";
  copyFileSync(join(ROOT, "config/routes", shipped), join(routes, shipped));
  writeFileSync(join(routes, shipped), `cors: { origins: ${pages} }\n`, { flag: "a" });
  // One with parameters, for the page that tries routes out.
  copyFileSync(join(ROOT, "config/routes/klinkcx-file.yaml"), join(routes, "klinkcx-file.yaml"));
  execFileSync("openssl", [
    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", join(folder, "key.pem"), "-out", join(folder, "cert.pem"),
  ], { stdio: "ignore" });
  writeFileSync(join(folder, "tidegate.yaml"), `
listeners:
  - { address: '127.0.0.1:0' }
  - { address: '127.0.0.1:0', tls: { cert: { file: cert.pem }, key: { file: key.pem } } }
admin: { address: '127.0.0.1:0' }
routes: routes/*.yaml
egress: { allow-private: 127.0.0.0/8 }
log: { format: json }
`);
}

async function startSandbox(tidegate, folder) {
  const child = spawn(tidegate, ["sandbox", "--address", "127.0.0.1:0", "--json"], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface({ input: child.stdout })) {
    return { process: child, environment: JSON.parse(line).environment };
  }
  throw new Error("the sandbox ended");
}

async function startGateway(tidegate, folder, environment) {
  const child = spawn(tidegate, ["serve", "--config", join(folder, "tidegate.yaml")], {
    cwd: folder, env: environment, stdio: ["ignore", "ignore", "pipe"],
  });
  const log = [];
  const told = await new Promise((resolve, reject) => {
    const told = { listening: [] };
    createInterface({ input: child.stderr }).on("line", (line) => {
      log.push(line);
      let event = {};
      try { event = JSON.parse(line); } catch { /* A report of `check` is no JSON; it is in the log. */ }
      if (event.message === "listening") told.listening.push(event.address);
      if (event.message === "metrics and health are served") told.admin = event.address;
      if (event.message === "tidegate is ready") resolve(told);
    });
    child.on("exit", () => reject(new Error(`the gateway ended:\n${log.join("\n")}`)));
  });
  const [plain, secure] = told.listening;
  const admin = `http://${told.admin}`;
  const readAdmin = (path) => read(`${admin}${path}`);
  const metric = async (series) => {
    const text = await readAdmin("/metrics");
    const line = text.split("\n").find((line) => line.startsWith(series));
    return line ? Number(line.split(" ").pop()) : 0;
  };
  const status = async () => JSON.parse(await readAdmin("/status"));
  return { process: child, log, metric, admin, readAdmin, status, http1: `http://${plain}`, http2: `https://${secure}` };
}

function read(url) {
  return new Promise((resolve, reject) => {
    get(url, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk) => { text += chunk; }).on("end", () => resolve(text));
    }).on("error", reject);
  });
}

/** Ends a process that we started. */
function ended(child) {
  return new Promise((resolve) => {
    if (child.exitCode !== null) return resolve();
    child.removeAllListeners("exit");
    child.on("exit", resolve);
    child.kill("SIGTERM");
  });
}
