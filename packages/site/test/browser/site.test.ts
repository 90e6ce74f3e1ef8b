import { mkdirSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { lookAt } from "../../../dashboard/test/browser/support/looks.ts";
import {
  browserMissing,
  openPages,
  type Pages,
} from "../../../dashboard/test/browser/support/pages.ts";
import { sections } from "../../src/navigation.ts";

/** Kept for people who look: some pages, in both themes, wide and narrow. */
const screenshots = path.resolve(import.meta.dirname, "../../screenshots");
mkdirSync(screenshots, { recursive: true });

const htmlOf = (file: string): string => `/docs/${file.replace(/\.md$/, ".html")}`;
const addresses = [
  "/docs/",
  ...sections.flatMap(({ pages }) => pages.map(({ file }) => htmlOf(file))),
];

async function open({ page, service }: Pages, address: string): Promise<void> {
  await page.goto(`${service.server.url}${address}`);
  await page.getByRole("heading", { level: 1 }).first().waitFor();
}

test.skipIf(browserMissing)(
  "axe finds nothing on any page of the documentation, nothing scrolls sideways, and the CSP is kept: wide in both themes, and narrow",
  { timeout: 420_000 },
  async () => {
    const pages = await openPages({ signedIn: false });
    const named = addresses.map((address) => {
      const name = address.slice("/docs/".length).replace(".html", "").replaceAll("/", "-");
      return [name || "index", address] as const;
    });
    const looks = {
      open: (address: string) => open(pages, address),
      screenshots,
      narrow: 360,
      sameColours: ".vp-doc",
    };
    expect(await lookAt(pages.page, Object.fromEntries(named), looks)).toEqual({});
    expect(pages.problems).toEqual([]);
  },
);

test.skipIf(browserMissing)(
  "the search works from files of this service alone, and finds what is said of signatures",
  async () => {
    const pages = await openPages({ signedIn: false });
    const { page, context, service } = pages;
    const asked: string[] = [];
    context.on("request", (request) => asked.push(new URL(request.url()).pathname));
    await open(pages, "/docs/");
    await page.keyboard.press("Control+k");
    await page.getByRole("searchbox").fill("signature");
    const first = page.getByRole("option").first();
    await first.waitFor();
    await page.screenshot({ path: path.join(screenshots, "search.png") });
    expect(await page.getByRole("option").allTextContents()).toEqual(
      expect.arrayContaining([expect.stringMatching(/signature/i)]),
    );
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/docs\/.+\.html/);
    expect(asked.filter((one) => !one.startsWith("/docs/"))).toEqual([]);
    expect(service.server.url).toContain("127.0.0.1");
    expect(pages.problems).toEqual([]);
  },
);

for (const [width, dark] of [
  [1280, false],
  [360, true],
] as const) {
  test.skipIf(browserMissing)(
    `the reference shows every operation and lets a reader with a session try one: ${width}`,
    async () => {
      const pages = await openPages({ width, dark });
      const { page, asked } = pages;
      await page.goto(`${pages.service.server.url}/docs/api/`);
      await page.locator(".opblock").first().waitFor();
      await page.getByText("Signed in: requests count as yours.").waitFor();
      const description = await (
        await page.request.get(`${pages.service.server.url}/openapi.json`)
      ).json();
      const operations = Object.values(description.paths as Record<string, object>).flatMap(
        (methods) => Object.keys(methods),
      );
      // Webhooks are shown as operations as well.
      expect(await page.locator(".opblock").count()).toBeGreaterThanOrEqual(operations.length);
      await page.screenshot({ path: path.join(screenshots, `api-${width}.png`) });

      await page.locator('[id$="-createTeam"] .opblock-summary-control').first().click();
      await page.getByRole("button", { name: "Try it out" }).click();
      await page.getByRole("button", { name: "Execute" }).click();
      const status = page.locator(".live-responses-table .response-col_status").nth(1);
      await status.waitFor();
      await page.screenshot({
        path: path.join(screenshots, `api-tried-${width}.png`),
        fullPage: false,
      });
      expect(await status.textContent()).toContain("201");
      expect(asked).toContainEqual({ method: "POST", path: "/v1/teams" });
      expect(pages.problems).toEqual([]);
    },
  );
}
