// What is tried, each case on a fresh page. Names are sentences; a case throws where it fails.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";

const MIB = 1024 * 1024;

/** Runs in the page: sends by fetch(), gives what the page can read of the answer, or the error that it sees. */
const send = async ({ url, init, file, form }) => {
  const bytes = new Uint8Array(file.size).map((_, at) => at % 251);
  const content = new File([bytes], file.name, { type: file.type });
  let body = content;
  if (form) {
    body = new FormData();
    body.append(form, content);
  }
  try {
    const answer = await fetch(url, { body, ...init });
    const names = ["tidegate-upload-id", "location", "repr-digest", "retry-after", "x-request-id", "date"];
    const headers = Object.fromEntries(names.map((name) => [name, answer.headers.get(name)]));
    const text = await answer.text();
    return { status: answer.status, type: answer.type, headers, body: text ? JSON.parse(text) : null };
  } catch (error) {
    return { error: error.name };
  }
};

/** The same content, as `send` makes it. */
const sha256 = (size) => createHash("sha256").update(Uint8Array.from({ length: size }, (_, at) => at % 251)).digest("hex");

const file = (name, size = 1000, type = "text/plain") => ({ name, size, type });
const asked = (stage, route, verdict = "allowed") =>
  stage.metric(`tidegate_preflights_total{route="${route}",verdict="${verdict}"}`);
const forbidden = (stage, route) =>
  stage.metric(`tidegate_uploads_total{outcome="refused",reason="forbidden",route="${route}"}`);
const open = (page, origin, path = "/") => page.goto(`${origin}${path}`);

async function putsRaw({ page, stage, gateway, protocol }) {
  await open(page, stage.pages);
  const protocols = await protocolsOf(page);
  const before = await asked(stage, "files");
  const init = { method: "PUT", headers: { "Content-Type": "image/png", "X-Request-Id": "from-a-page" } };
  const name = `raw ü ${protocol}.png`;
  const answer = await page.evaluate(send, { url: `${gateway}/files/${encodeURIComponent(name)}`, init, file: file(name, 300_000) });
  assert.equal(answer.status, 201, JSON.stringify(answer));
  assert.equal(answer.type, "cors", "the page is of another origin");
  assert.ok((await asked(stage, "files")) > before, "the browser asked before");
  assert.deepEqual(
    [answer.body.status, answer.body.file.name, answer.body.file.size, answer.body.file.digests["sha-256"]],
    ["stored", name, 300_000, sha256(300_000)],
  );
  assert.equal(answer.headers["tidegate-upload-id"], answer.body.upload_id);
  assert.equal(answer.headers.location, answer.body.result.url);
  assert.match(answer.headers["repr-digest"], /^sha-256=:/);
  assert.equal(answer.headers["x-request-id"], "from-a-page");
  assert.equal(answer.headers.date, null, "a header that is not exposed is not shown");
  const stored = stage.upstream.stored.at(-1);
  assert.deepEqual([stored.name, stored.sha256, stored.type], [name, sha256(300_000), "image/png"]);
  assert.ok(protocols.has(protocol === "http2" ? "h2" : "http/1.1"), `spoken: ${[...protocols]}`);
}

/** The protocols that the browser speaks from now on, as its own network stack tells. */
async function protocolsOf(page) {
  const protocols = new Set();
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  session.on("Network.responseReceived", ({ response }) => protocols.add(response.protocol));
  return protocols;
}

async function postsAForm({ page, stage, gateway }) {
  await open(page, stage.pages);
  const before = await asked(stage, "files");
  const answer = await page.evaluate(send, { url: `${gateway}/files`, init: { method: "POST" }, file: file("form.txt", 5000), form: "file" });
  assert.equal(answer.status, 201, JSON.stringify(answer));
  assert.equal(stage.upstream.stored.at(-1).sha256, sha256(5000));
  assert.equal(await asked(stage, "files"), before, "browsers post a plain form without asking: this is why strangers are refused");
}

async function postsToAShippedRoute({ page, stage, gateway }) {
  await open(page, stage.pages);
  const answer = await page.evaluate(send, {
    url: `${gateway}/kustomer/media`, init: { method: "POST" }, file: file("shipped.txt", 200_000), form: "file",
  });
  assert.equal(answer.status, 201, JSON.stringify(answer));
  assert.equal(answer.body.file.digests["sha-256"], sha256(200_000));
}

async function readsProblems({ page, stage, gateway }) {
  await open(page, stage.pages);
  for (const [path, name, size, status, problem] of [
    ["files", "a.exe", 10, 422, "extension-refused"],
    ["files", "a.txt?colour=red", 10, 400, "unknown-parameter"],
    ["small", "a.txt", MIB + 1, 413, "file-too-large"],
  ]) {
    const answer = await page.evaluate(send, { url: `${gateway}/${path}/${name}`, init: { method: "PUT" }, file: file("a", size) });
    assert.equal(answer.status, status, JSON.stringify(answer));
    assert.equal(answer.body.type, `urn:tidegate:problem:${problem}`);
    assert.equal(answer.headers["tidegate-upload-id"], answer.body.upload_id);
  }
}

async function readsAnEarlyRefusal({ page, stage, gateway }) {
  await open(page, stage.pages);
  // Larger than what the gateway reads and discards after a refusal (8 MiB), so the connection ends under the body.
  for (const size of [4 * MIB, 40 * MIB]) {
    const url = `${gateway}/small/large.bin`;
    const answer = await page.evaluate(send, { url, init: { method: "PUT" }, file: file("large.bin", size) });
    assert.equal(answer.status, 413, `fetch, ${size} bytes: ${JSON.stringify(answer)}`);
    assert.match(answer.body.detail, /1048576|1 ?MiB/);
    const status = await page.evaluate(({ url, size }) => new Promise((resolve) => {
      const request = new XMLHttpRequest();
      request.open("PUT", url);
      request.upload.onprogress = () => {};
      request.onloadend = () => resolve(request.status);
      request.send(new Blob([new Uint8Array(size)]));
    }), { url, size });
    assert.equal(status, 413, `XMLHttpRequest, ${size} bytes`);
  }
}

async function refusesStrangers({ page, stage, gateway }) {
  await open(page, stage.strangers);
  const stored = stage.upstream.stored.length;
  const [refusedQuestions, refused] = [await asked(stage, "files", "refused"), await forbidden(stage, "files")];
  const url = `${gateway}/files`;
  const put = await page.evaluate(send, { url: `${url}/a.txt`, init: { method: "PUT" }, file: file("a.txt") });
  assert.deepEqual(put, { error: "TypeError" }, "the browser keeps the request back");
  assert.ok((await asked(stage, "files", "refused")) > refusedQuestions);

  // Sent without a question: the browser hides the answer, and only the gateway can keep it from taking effect.
  const form = await page.evaluate(send, { url, init: { method: "POST" }, file: file("a.txt"), form: "file" });
  assert.deepEqual(form, { error: "TypeError" }, "the answer is hidden");
  const blind = await page.evaluate(send, { url, init: { method: "POST", mode: "no-cors" }, file: file("a.txt"), form: "file" });
  assert.equal(blind.type, "opaque");
  // A page that hides where it is from sends `null`, never nothing.
  const hidden = { method: "POST", mode: "no-cors", referrerPolicy: "no-referrer" };
  assert.equal((await page.evaluate(send, { url, init: hidden, file: file("a.txt"), form: "file" })).type, "opaque");
  assert.equal(await forbidden(stage, "files"), refused + 3);
  assert.equal(stage.upstream.stored.length, stored, "nothing was stored");
}

async function refusesFormsThatNavigate({ page, stage, gateway }) {
  await open(page, stage.strangers);
  const stored = stage.upstream.stored.length;
  const refused = await forbidden(stage, "files");
  const arrived = page.waitForResponse((answer) => answer.url() === `${gateway}/files`);
  await page.evaluate((url) => {
    const form = Object.assign(document.createElement("form"), { action: url, method: "post", enctype: "multipart/form-data" });
    const input = Object.assign(document.createElement("input"), { type: "file", name: "file" });
    const data = new DataTransfer();
    data.items.add(new File(["x"], "a.txt", { type: "text/plain" }));
    input.files = data.files;
    form.append(input);
    document.body.append(form);
    form.submit();
  }, `${gateway}/files`);
  assert.equal((await arrived).status(), 403);
  assert.equal(await forbidden(stage, "files"), refused + 1);
  assert.equal(stage.upstream.stored.length, stored, "nothing was stored");
}

async function refusesPagesWithoutAnOrigin({ page, stage, gateway }) {
  await open(page, stage.pages);
  const stored = stage.upstream.stored.length;
  const seen = await page.evaluate((url) => new Promise((resolve) => {
    addEventListener("message", (event) => resolve({ origin: event.origin, seen: event.data }));
    const frame = document.createElement("iframe");
    frame.sandbox = "allow-scripts";
    frame.srcdoc = `<script>const form = new FormData(); form.append("file", new File(["x"], "a.txt"));
      fetch(${JSON.stringify(url)}, { method: "POST", body: form })
        .then((answer) => answer.status, (error) => error.name).then((seen) => parent.postMessage(seen, "*"));</` + "script>";
    document.body.append(frame);
  }), `${gateway}/files`);
  assert.deepEqual(seen, { origin: "null", seen: "TypeError" });
  assert.equal(stage.upstream.stored.length, stored, "nothing was stored");
}

async function changesNothingWithoutCors({ page, stage, gateway }) {
  await open(page, stage.pages);
  const stored = stage.upstream.stored.length;
  const answer = await page.evaluate(send, { url: `${gateway}/without-cors/a.txt`, init: { method: "PUT" }, file: file("a.txt") });
  assert.deepEqual(answer, { error: "TypeError" });
  assert.equal(stage.upstream.stored.length, stored, "nothing was stored");
}

async function sendsCredentialsOnlyWhereAllowed({ page, stage, gateway }) {
  await open(page, stage.pages);
  const init = { method: "PUT", credentials: "include" };
  const allowed = await page.evaluate(send, { url: `${gateway}/with-cookies/a.txt`, init, file: file("a.txt") });
  assert.equal(allowed.status, 201, JSON.stringify(allowed));
  const stored = stage.upstream.stored.length;
  const hidden = await page.evaluate(send, { url: `${gateway}/files/a.txt`, init, file: file("a.txt") });
  assert.deepEqual(hidden, { error: "TypeError" });
  assert.equal(stage.upstream.stored.length, stored, "nothing was stored");
}

/** Runs in the page: uploads files by Uppy's XHR plugin, gives what its events told. */
const withUppy = ({ endpoint, files, raw }) => new Promise((resolve) => {
  const uppy = new Uppy();
  uppy.use(XHRUpload, {
    fieldName: "file",
    // Every text field of a form is a parameter; those that the route does not declare are refused.
    allowedMetaFields: [],
    // As the browser guide says it.
    shouldRetry: (request) => {
      try { return JSON.parse(request.responseText).retryable; } catch { return request.status === 0; }
    },
    ...(raw ? { formData: false, method: "PUT", endpoint: (file) => `${endpoint}/${encodeURIComponent(file.name)}` } : { endpoint }),
  });
  const seen = { progress: [], stored: [], failed: [] };
  globalThis.seen = seen;
  uppy.on("upload-progress", (file, progress) => seen.progress.push(progress.bytesUploaded));
  uppy.on("upload-success", (file, answer) => seen.stored.push({ name: file.name, status: answer.status, body: answer.body }));
  uppy.on("upload-error", (file, error, request) => seen.failed.push({ name: file.name, status: request?.status, body: request?.responseText }));
  for (const { name, size, type } of files) {
    uppy.addFile({ name, type, data: new Blob([new Uint8Array(size).map((_, at) => at % 251)], { type }) });
  }
  uppy.upload().then(() => resolve(seen), () => resolve(seen));
});

async function uploadsWithUppy({ page, stage, gateway }) {
  for (const raw of [false, true]) {
    await open(page, stage.pages);
    await page.addScriptTag({ url: "/uppy.js" });
    // More than all sockets on the way hold, so that an upstream that does not read stops the browser half way.
    const size = 48 * MIB;
    const name = `held-${raw}.bin`;
    const before = await asked(stage, "files");
    stage.upstream.hold();
    const upload = page.evaluate(withUppy, { endpoint: `${gateway}/files`, files: [file(name, size)], raw });
    await page.waitForFunction((size) => globalThis.seen?.progress.some((sent) => sent > 0 && sent < size), size);
    stage.upstream.release();
    const seen = await upload;
    assert.deepEqual(seen.failed, []);
    assert.equal(seen.stored[0].status, 201);
    assert.equal(seen.stored[0].body.file.digests["sha-256"], sha256(size));
    assert.deepEqual([stage.upstream.stored.at(-1).name, stage.upstream.stored.at(-1).size], [name, size]);
    assert.ok((await asked(stage, "files")) > before, "progress of an upload makes it one that browsers ask about");
  }
}

async function uploadsTwoAtOnceWithUppy({ page, stage, gateway }) {
  await open(page, stage.pages);
  await page.addScriptTag({ url: "/uppy.js" });
  // The upstream answers neither before both are there.
  const seen = await page.evaluate(withUppy, { endpoint: `${gateway}/files`, files: [file("pair-1.bin", MIB), file("pair-2.bin", MIB)] });
  assert.deepEqual(seen.failed, []);
  assert.deepEqual(seen.stored.map(({ name }) => name).sort(), ["pair-1.bin", "pair-2.bin"]);
}

async function showsProblemsWithUppy({ page, stage, gateway }) {
  await open(page, stage.pages);
  await page.addScriptTag({ url: "/uppy.js" });
  const refusals = () => stage.metric('tidegate_uploads_total{outcome="refused",reason="extension-refused",route="files"}');
  const before = await refusals();
  const seen = await page.evaluate(withUppy, { endpoint: `${gateway}/files`, files: [file("a.exe")] });
  assert.equal(seen.failed[0].status, 422, JSON.stringify(seen));
  assert.equal(JSON.parse(seen.failed[0].body).type, "urn:tidegate:problem:extension-refused");
  assert.equal(await refusals(), before + 1, "what cannot succeed is not tried again");
}

async function runsTheExample({ page, context, stage, gateway, protocol }) {
  const elsewhere = [];
  page.on("request", (request) => {
    const { origin } = new URL(request.url());
    if (![stage.pages, gateway].includes(origin) && origin !== "null") elsewhere.push(request.url());
  });
  await open(page, stage.pages, `/example?gateway=${encodeURIComponent(`${gateway}/files/`)}`);
  const buffer = Buffer.from(Uint8Array.from({ length: 70_000 }, (_, at) => at % 251));
  await page.setInputFiles("#files", [
    { name: "one.txt", mimeType: "text/plain", buffer },
    { name: "two <b>ü.txt", mimeType: "text/plain", buffer },
    { name: "three.exe", mimeType: "application/octet-stream", buffer },
  ]);
  await page.click("form button");
  await page.waitForFunction(() => document.querySelectorAll("li.stored, li.failed").length === 3);
  assert.equal(await page.locator("li.stored").count(), 2);
  assert.match(await page.locator("li.failed").innerText(), /extension-refused/);
  assert.equal(stage.upstream.stored.filter((stored) => stored.sha256 === sha256(70_000)).length >= 2, true);
  assert.deepEqual(elsewhere, [], "the example loads nothing from elsewhere");
  if (process.env.SCREENSHOTS) {
    await page.screenshot({ path: join(process.env.SCREENSHOTS, `example-${protocol}.png`), fullPage: true });
  }
}

export const cases = [
  ["fetch puts a raw file across origins and reads receipt and headers", putsRaw],
  ["fetch posts a form", postsAForm],
  ["fetch posts a form to a shipped route", postsToAShippedRoute],
  ["a page reads the problem of a refused file", readsProblems],
  ["a page reads the early refusal of a large file", readsAnEarlyRefusal],
  ["a stranger's page stores nothing, asked or not", refusesStrangers],
  ["a form that navigates from a stranger's page stores nothing", refusesFormsThatNavigate],
  ["a page without an origin stores nothing", refusesPagesWithoutAnOrigin],
  ["a route without cors is closed to pages of other origins", changesNothingWithoutCors],
  ["credentials go only where the rule allows them", sendsCredentialsOnlyWhereAllowed],
  ["Uppy uploads as a form and raw, with progress", uploadsWithUppy],
  ["Uppy uploads two files at once", uploadsTwoAtOnceWithUppy],
  ["Uppy shows the problem of a refused file", showsProblemsWithUppy],
  ["the example page uploads and shows receipts and problems", runsTheExample],
];
