// What a page of the admin side must not do, and how it must look.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
export const PHONE = { width: 390, height: 844 };
export const DESK = { width: 1280, height: 900 };

/** Notes whatever a page complains about, unless that is expected, or fetches from elsewhere; `isFine` fails if there is anything. */
export function watch(page, stage, isExpected = () => false) {
  const wrong = [];
  page.on("console", (message) => { if (message.type() === "error" && !isExpected(message.text())) wrong.push(message.text()); });
  page.on("pageerror", (error) => wrong.push(String(error)));
  page.on("request", (request) => { if (!request.url().startsWith(stage.admin) && !request.url().startsWith("data:")) wrong.push(request.url()); });
  return { isFine: () => assert.deepEqual(wrong, []) };
}

/** As people see it, and as a screen reader does: wide and narrow, light and dark. Pictures are kept under this name. */
export async function looksRightEverywhere(page, name) {
  for (const [width, viewport] of Object.entries({ desk: DESK, phone: PHONE })) {
    await page.setViewportSize(viewport);
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      assert.equal(await overflow(page), 0, `${width}: nothing is cut off at the side`);
      assert.deepEqual(await complaints(page), [], `${width}, ${colorScheme}`);
      if (process.env.SCREENSHOTS) {
        await page.screenshot({ path: join(process.env.SCREENSHOTS, `${name}-${width}-${colorScheme}.png`), fullPage: true });
      }
    }
  }
}

/** By how much the page is wider than its window. */
export const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

/** What a screen reader's user could not use, as axe finds it. */
export async function complaints(page) {
  // By the debugger's way, as the page's own policy lets no other script in.
  await page.evaluate(AXE);
  const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const { violations } = await page.evaluate((rules) => globalThis.axe.run(document, { runOnly: rules }), rules);
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
}
