import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import type { Page } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** The rules that colours decide: four fifths of axe's time. The others see the same in both themes. */
const colourRules = ["color-contrast", "link-in-text-block"];

/** Which of axe's rules are asked, and which part of the page is left out. */
type Question = { only?: readonly string[]; without?: readonly string[]; exclude?: string };

/** What axe finds in a page. */
export async function faultsOf(page: Page, question: Question = {}): Promise<string[]> {
  const isThere = await page.evaluate(() => "axe" in globalThis);
  if (!isThere) await page.evaluate(axe);
  return page.evaluate(async ({ only, without = [], exclude }) => {
    const { axe } = globalThis as unknown as {
      axe: {
        run: (
          context: object,
          options: object,
        ) => Promise<{
          violations: { id: string; nodes: { html: string; failureSummary: string }[] }[];
        }>;
      };
    };
    const { violations } = await axe.run(exclude ? { exclude: [exclude] } : document, {
      resultTypes: ["violations"],
      rules: Object.fromEntries(without.map((rule) => [rule, { enabled: false }])),
      ...(only && { runOnly: only }),
    });
    return violations.flatMap(({ id, nodes }) =>
      nodes
        .slice(0, 3)
        .map(
          ({ html, failureSummary }) =>
            `${id}: ${html.slice(0, 200)} ${failureSummary.slice(0, 300)}`,
        ),
    );
  }, question);
}

/** What is wrong with the looks of some pages, by page and look; empty when nothing is. */
export type LookFaults = Record<string, { faults: string[]; sideways: number[] }>;

/**
 * Looks at pages as people see them: wide in the light and in the dark theme, then narrow in the dark one. Each is a
 * screenshot for people who look, and is checked by axe and for whether it scrolls sideways.
 */
export async function lookAt(
  page: Page,
  addresses: Readonly<Record<string, string>>,
  options: {
    /** Goes to an address and waits until the page shows what it has. */
    open: (address: string) => Promise<void>;
    screenshots: string;
    narrow: number;
    /** The part of a page that has the same colours at every width. */
    sameColours?: string;
  },
): Promise<LookFaults> {
  const found: LookFaults = {};
  const look = async (name: string, ...questions: Question[]) => {
    const faults: string[] = [];
    for (const question of questions) faults.push(...(await faultsOf(page, question)));
    await page.screenshot({ path: path.join(options.screenshots, `${name}.png`) });
    const { width = 0 } = page.viewportSize() ?? {};
    const isNarrow = width < 900;
    // 360 px is the narrowest that people have.
    if (isNarrow && width > 360) await page.setViewportSize({ width: 360, height: 850 });
    const sideways = await page.evaluate(() => {
      const main = document.querySelector("main");
      // What overflows a part that does not scroll makes the document scroll.
      const scrolls = main !== null && getComputedStyle(main).overflowX !== "visible";
      return [document.documentElement, ...(scrolls ? [main] : [])].map(
        ({ scrollWidth, clientWidth }) => Math.max(0, scrollWidth - clientWidth),
      );
    });
    if (isNarrow && width > 360) await page.setViewportSize({ width, height: 850 });
    if (faults.length > 0 || sideways.some((px) => px > 0)) found[name] = { faults, sideways };
  };
  for (const [name, address] of Object.entries(addresses)) {
    await page.emulateMedia({ colorScheme: "light" });
    await options.open(address);
    await look(`${name}-1280-light`, {});
    await page.emulateMedia({ colorScheme: "dark" });
    await look(`${name}-1280-dark`, { only: colourRules });
  }
  const { narrow, sameColours } = options;
  await page.setViewportSize({ width: narrow, height: 850 });
  const whenNarrow = sameColours
    ? [{ without: colourRules }, { only: colourRules, exclude: sameColours }]
    : [{}];
  for (const [name, address] of Object.entries(addresses)) {
    await options.open(address);
    await look(`${name}-${narrow}-dark`, ...whenNarrow);
  }
  return found;
}
