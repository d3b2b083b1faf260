// Uploads from a real Chromium, across origins, over HTTP/1.1 and over HTTP/2 with TLS, and the pages of the admin side. See `run`.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { adminCases } from "./admin.mjs";
import { cases } from "./cases.mjs";
import { start } from "./stage.mjs";
import { tryCases } from "./try.mjs";

// Nothing of the browser's own may reach out, and no state of an earlier run may help.
const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--ignore-certificate-errors",
];

// A case that hangs fails.
const PATIENCE_MS = 60_000;

const stage = await start(process.argv[2]);
const profile = mkdtempSync(join(tmpdir(), "tidegate-chromium-"));
const context = await chromium.launchPersistentContext(profile, { executablePath: process.env.CHROMIUM, args: FLAGS });
let passed = 0;
let failed = 0;
try {
  const uploads = ["http1", "http2"].map((protocol) => [protocol, cases]);
  for (const [protocol, some] of [...uploads, ["admin", adminCases], ["try", tryCases]]) {
    for (const [name, test] of some.filter(([name]) => name.includes(process.argv[3] ?? ""))) {
      const page = await context.newPage();
      page.setDefaultTimeout(PATIENCE_MS);
      try {
        await within(test({ page, context, stage, gateway: stage[protocol], protocol }));
        passed += 1;
        console.log(`ok    ${protocol}  ${name}`);
      } catch (error) {
        failed += 1;
        console.log(`FAIL  ${protocol}  ${name}\n${error.stack}\n`);
      } finally {
        await page.close();
      }
    }
  }
} finally {
  await context.close();
  await stage.stop();
  rmSync(profile, { recursive: true, force: true });
}
if (failed > 0) console.log(`The gateway's log:\n${stage.log.join("\n")}`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;

function within(test) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end within ${PATIENCE_MS} ms`)), PATIENCE_MS);
  });
  return Promise.race([test, late]).finally(() => clearTimeout(timer));
}
