// The admin page: what an operator sees and does, by mouse and by keyboard, on a wide screen and on a phone.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { complaints, DESK, looksRightEverywhere, overflow, PHONE, watch } from "./judge.mjs";
import { beginUpload } from "./stage.mjs";


/** Opens the page. */
async function open(page, stage) {
  const watched = watch(page, stage);
  await page.goto(stage.admin);
  await page.locator("#state.good").waitFor();
  return watched;
}

const rowOf = (page, id) => page.locator("#uploads tbody tr", { hasText: id });

/** The id of the one upload in flight on a route. */
async function inFlight(stage, route) {
  for (;;) {
    const { uploads } = await stage.status();
    const found = uploads.find((upload) => upload.route === route && upload.received_bytes > 0);
    if (found) return found.upload_id;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function showsAnUploadAsItGoes({ page, stage }) {
  const { isFine } = await open(page, stage);
  await page.getByText("No upload is in flight.").waitFor();
  const upload = beginUpload(`${stage.http1}/files/holiday.jpg`, 4 * 1024 * 1024);
  await upload.send(1024 * 1024);
  const row = rowOf(page, await inFlight(stage, "files"));
  await row.getByText("1 MiB of 4 MiB (25 %)").waitFor();
  await row.getByText("transfer, store").waitFor();
  await row.locator("td.slow-client", { hasText: "client" }).waitFor();
  assert.equal(await row.locator("progress").getAttribute("value"), "0.25");
  await upload.send(1024 * 1024);
  await row.getByText("2 MiB of 4 MiB (50 %)").waitFor();
  await upload.send(2 * 1024 * 1024);
  assert.equal((await upload.answer()).status, 201);
  await row.waitFor({ state: "detached" });
  const files = page.locator("#routes tbody tr", { hasText: "/files" });
  await page.waitForFunction((row) => Number(row.cells[2].textContent) >= 1, await files.elementHandle());
  assert.ok(!(await page.content()).includes("holiday"), "no name of a file is shown");
  isFine();
}

async function cancelsByKeyboard({ page, stage }) {
  const { isFine } = await open(page, stage);
  const upload = beginUpload(`${stage.http1}/files/x`, 1000);
  await upload.send(10);
  const id = await inFlight(stage, "files");
  const button = page.getByRole("button", { name: `Cancel upload ${id}` });
  await button.focus();
  const dialog = page.getByRole("dialog", { name: "Cancel this upload?" });
  await page.keyboard.press("Enter");
  await dialog.waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  assert.equal(await button.evaluate((button) => button === document.activeElement), true, "focus comes back");
  await page.waitForTimeout(1200);
  assert.equal(await button.evaluate((button) => button === document.activeElement), true, "and stays through an update");
  await page.keyboard.press("Enter");
  await dialog.waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Keep it", "the safe answer is the first");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  const answer = await upload.answer();
  assert.deepEqual([answer.status, answer.body.type], [503, "urn:tidegate:problem:upload-cancelled"]);
  await page.getByText(`Upload ${id} is being cancelled.`).waitFor();
  await rowOf(page, id).waitFor({ state: "detached" });
  assert.equal(await page.evaluate(() => document.activeElement.id), "uploads-title", "focus is not lost");
  const problem = page.locator("#problems tbody tr", { hasText: "upload-cancelled" });
  await problem.getByText(id).waitFor();
  isFine();
}

async function groupsProblems({ page, stage }) {
  const { isFine } = await open(page, stage);
  for (const name of ["<img src=x onerror=alert(1)>.exe", "b.exe"]) {
    const upload = beginUpload(`${stage.http1}/files/${encodeURIComponent(name)}`, 1);
    await upload.send(1);
    assert.equal((await upload.answer()).status, 422);
  }
  const problem = page.locator("#problems tbody tr", { hasText: "extension-refused" });
  await problem.getByText("This file extension is not accepted").waitFor();
  await problem.getByText("blame: the client, nothing was stored").waitFor();
  await page.waitForFunction((row) => Number(row.cells[0].textContent) >= 2, await problem.elementHandle());
  assert.equal(await page.locator("img").count(), 0);
  isFine();
}

async function filtersAndPauses({ page, stage }) {
  const { isFine } = await open(page, stage);
  const uploads = ["files", "without-cors"].map((route) => beginUpload(`${stage.http1}/${route}/x`, 1000));
  for (const upload of uploads) await upload.send(10);
  const [files, other] = [await inFlight(stage, "files"), await inFlight(stage, "without-cors")].map((id) => rowOf(page, id));
  await files.waitFor();
  await other.waitFor();
  await page.getByLabel("Route", { exact: true }).selectOption("without-cors");
  await files.waitFor({ state: "detached" });
  await other.waitFor();
  await page.getByRole("button", { name: "Pause updates" }).click();
  for (const upload of uploads) {
    await upload.send(990);
    assert.equal((await upload.answer()).status, 201);
  }
  await page.waitForTimeout(1500);
  assert.equal(await other.count(), 1, "what is paused stands still");
  await page.getByRole("button", { name: "Pause updates", pressed: true }).click();
  await other.waitFor({ state: "detached" });
  isFine();
}

async function tellsOfARefusedConfiguration({ page, stage }) {
  const { isFine } = await open(page, stage);
  const file = join(stage.folder, "tidegate.yaml");
  const good = readFileSync(file, "utf8");
  const before = (await stage.status()).configuration.generation;
  writeFileSync(file, `${good}limits: { uploadz: 3 }\n`);
  stage.process.kill("SIGHUP");
  await page.getByRole("alert").getByText(/tidegate\.yaml:\d+:\d+: .*uploadz/).waitFor();
  writeFileSync(file, good);
  stage.process.kill("SIGHUP");
  await page.locator("#refused").waitFor({ state: "hidden" });
  await page.getByText(`generation ${before + 1}`, { exact: true }).waitFor();
  isFine();
}

async function saysWhenTheGatewayIsGone({ page, stage }) {
  const other = await stage.another();
  await page.goto(other.admin);
  await page.locator("#state.good").waitFor();
  await other.stop();
  await page.locator("#state.bad", { hasText: "not connected" }).waitFor();
}

async function listsRoutes({ page, stage }) {
  const { isFine } = await open(page, stage);
  const { routes } = JSON.parse(await stage.readAdmin("/routes"));
  await page.waitForFunction((count) => document.querySelectorAll("#routes tbody tr").length === count + 1, routes.length);
  await page.locator("summary", { hasText: "/small" }).click();
  const unfolded = page.locator("details[open]");
  await unfolded.getByText("files: up to 1 MiB, types: any").waitFor();
  await unfolded.getByText("store: POST to store (sends the file)").waitFor();
  isFine();
}

async function showsTheInterface({ page, stage }) {
  await page.goto(`${stage.admin}/api`);
  const section = page.locator("section", { has: page.getByRole("heading", { name: "POST /kustomer/media" }) });
  await section.getByText("curl -F file=@FILE").waitFor();
  await section.locator("summary", { hasText: "Answers" }).click();
  await section.getByText("`extension-refused`").waitFor();
  for (const viewport of [DESK, PHONE]) {
    await page.setViewportSize(viewport);
    assert.deepEqual(await complaints(page), []);
    assert.equal(await overflow(page), 0);
  }
  if (process.env.SCREENSHOTS) await page.screenshot({ path: join(process.env.SCREENSHOTS, "api.png"), fullPage: true });
}

/** With uploads, problems and samples on it: as people see it, and as a screen reader does. */
async function looksRight({ page, stage }) {
  const uploads = ["holiday", "report", "scan", "held-back"].map((name, at) => beginUpload(`${stage.http1}/${at % 2 ? "small" : "files"}/${name}`, 240_000 * (at + 1)));
  await Promise.all(uploads.map((upload, at) => upload.send(50_000 * (at * at + 1))));
  const lost = beginUpload(`${stage.http1}/nowhere`, 1);
  await lost.send(1);
  assert.equal((await lost.answer()).status, 404);
  const { isFine } = await open(page, stage);
  await page.waitForFunction(() => document.querySelectorAll("#uploads tbody tr").length === 4);
  // A line needs two samples, ten seconds apart.
  await page.waitForFunction(() => document.querySelector(".tile polyline").getAttribute("points").includes(" "));
  await looksRightEverywhere(page, "admin");
  uploads.forEach((upload) => upload.leave());
  isFine();
}

export const adminCases = [
  ["the admin page shows an upload as it goes, and who is slow", showsAnUploadAsItGoes],
  ["an upload is cancelled by keyboard, and focus is not lost", cancelsByKeyboard],
  ["problems are grouped, and what a client wrote is not among them", groupsProblems],
  ["uploads are filtered by route, and updates can be paused", filtersAndPauses],
  ["a refused configuration is told until it is mended", tellsOfARefusedConfiguration],
  ["the page says when the gateway is gone", saysWhenTheGatewayIsGone],
  ["routes are listed with what they take and do", listsRoutes],
  ["what clients may send is shown with a command for each operation", showsTheInterface],
  ["the page is sound for eyes and screen readers, wide and narrow, light and dark", looksRight],
];
