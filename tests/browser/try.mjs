// The page that tries a route out: the form of what a route takes, its plan, the upload itself, and the command.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { looksRightEverywhere, watch } from "./judge.mjs";

/** Opens the page for a route. */
async function open(page, stage, route) {
  // A refused plan is an answer, and Chromium tells of it.
  const watched = watch(page, stage, (text) => text.includes("the server responded with a status of"));
  await page.goto(`${stage.admin}/tryout#${route}`);
  await page.getByText("It depends on the file: choose one.").waitFor();
  return watched;
}

const choose = (page, name, size, mimeType) => page.locator("#file").setInputFiles({ name, mimeType, buffer: Buffer.alloc(size, "x") });

/** A file that is too large to be handed over in memory alone. */
async function chooseLarge(page, stage, name, size) {
  const path = join(stage.folder, name);
  writeFileSync(path, Buffer.alloc(size));
  await page.locator("#file").setInputFiles(path);
}

async function sendsAFile({ page, stage }) {
  const { isFine } = await open(page, stage, "klinkcx-file");
  await choose(page, "Übersicht 100%.pdf", 5000, "application/pdf");
  await page.getByLabel("title", { exact: true }).fill("a & b = 'c'");
  await page.getByLabel("is_private").selectOption("true");
  await page.locator("#steps pre", { hasText: "a & b = 'c'" }).waitFor();
  await page.getByRole("button", { name: "Send the file" }).click();
  await page.getByText("The file was stored.").waitFor();
  const receipt = JSON.parse(await page.locator("#answer").textContent());
  assert.deepEqual([receipt.status, receipt.route, receipt.file.name, receipt.file.size], ["stored", "klinkcx-file", "Übersicht 100%.pdf", 5000]);
  assert.equal(await page.evaluate(() => document.activeElement.id), "outcome-title", "a screen reader is led to the outcome");
  for (const state of await page.locator("#steps .state").allTextContents()) assert.equal(state, "done");
  isFine();
}

async function tellsTheSameCommand({ page, stage }) {
  const { isFine } = await open(page, stage, "klinkcx-file");
  await choose(page, "it's.pdf", 700, "application/pdf");
  await page.getByLabel("title", { exact: true }).fill("it's & more");
  await page.getByLabel("Credential").fill("X-Request-Id: not-to-be-shown");
  // A listener whose port the system chose has no address that a configuration tells.
  const command = (await page.locator("#curl").textContent()).replace("http://GATEWAY", stage.http1);
  assert.ok(command.includes("X-Request-Id: …") && !command.includes("not-to-be-shown"), command);
  writeFileSync(join(stage.folder, "it's.pdf"), Buffer.alloc(700, "x"));
  const receipt = JSON.parse(execFileSync("sh", ["-c", `${command} -s`], { cwd: stage.folder, encoding: "utf8" }));
  assert.deepEqual([receipt.status, receipt.file.name], ["stored", "it's.pdf"]);
  isFine();
}

async function showsARefusalBeforeAndAfter({ page, stage }) {
  const { isFine } = await open(page, stage, "kustomer-media");
  await chooseLarge(page, stage, "tool.exe", 24 * 1024 * 1024);
  await page.locator("#refusal", { hasText: "As it stands this upload is refused" }).waitFor();
  await page.getByRole("button", { name: "Send the file" }).click();
  await page.locator("#told.bad", { hasText: "422: " }).waitFor();
  assert.equal(JSON.parse(await page.locator("#answer").textContent()).type, "urn:tidegate:problem:extension-refused");
  isFine();
}

async function showsTheStepsAsTheyGo({ page, stage }) {
  const { isFine } = await open(page, stage, "files");
  stage.upstream.hold();
  try {
    await chooseLarge(page, stage, "held-one.bin", 24 * 1024 * 1024);
    await page.locator("#steps pre", { hasText: "held-one.bin" }).waitFor();
    await page.getByRole("button", { name: "Send the file" }).click();
    await page.locator("#steps li.now", { hasText: "under way" }).waitFor();
    assert.ok(await page.locator("#progress").evaluate((progress) => progress.value < 1));
    await page.getByRole("button", { name: "Stop" }).click();
    await page.getByText("Stopped. What it began upstream is taken back.").waitFor();
    await until(async () => (await stage.status()).uploads.length === 0);
  } finally {
    stage.upstream.release();
  }
  isFine();
}

async function until(holds) {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** A page elsewhere, or one whose name was pointed at the gateway, would have the operator's browser upload. */
async function refusesPagesOfOthers({ stage }) {
  const ask = (origin) => new Promise((resolve, reject) => {
    const asked = request(`${stage.admin}/try/files/a.bin`, { method: "PUT", headers: origin ? { Origin: origin } : {} }, (answer) => {
      answer.resume().on("end", () => resolve(answer.statusCode));
    });
    asked.on("error", reject).end("x");
  });
  assert.equal(await ask("http://evil.example.com"), 403);
  assert.equal(await ask("null"), 403);
  assert.equal(await ask(stage.http1), 403);
  assert.equal(await ask(stage.admin), 201);
  assert.equal(await ask(), 201);
}

async function looksRight({ page, stage }) {
  const { isFine } = await open(page, stage, "klinkcx-file");
  await choose(page, "report.pdf", 5000, "application/pdf");
  await page.getByRole("button", { name: "Send the file" }).click();
  await page.getByText("The file was stored.").waitFor();
  await looksRightEverywhere(page, "try");
  isFine();
}

export const tryCases = [
  ["a file is sent with what the route's form asks for", sendsAFile],
  ["the command sends the same, and shows no credential", tellsTheSameCommand],
  ["a refusal is told before the file is sent, and after", showsARefusalBeforeAndAfter],
  ["the step under way is shown, and an upload can be stopped", showsTheStepsAsTheyGo],
  ["pages of others cannot upload through the admin side", refusesPagesOfOthers],
  ["the page is sound for eyes and screen readers, wide and narrow, light and dark", looksRight],
];
