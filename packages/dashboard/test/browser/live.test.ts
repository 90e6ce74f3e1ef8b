import { expect, test } from "vitest";
import { browserMissing, openPages, startRuns, subscribe } from "./support/pages.ts";

test.skipIf(browserMissing)(
  "the list is live: rows slide in at the top, wait while one reads, and a pause is visible",
  async () => {
    const pages = await openPages();
    const { page, go, problems } = pages;
    await subscribe(pages);
    await go("/deliveries");
    await page.getByText("No deliveries yet").waitFor();
    await page.getByRole("button", { name: "Live. Pause" }).waitFor();
    await startRuns(pages, 60);
    const table = page.getByRole("table", { name: "Deliveries" });
    await expect.poll(() => table.getAttribute("aria-rowcount")).toBe("61");

    // Further down nothing moves: new ones stand behind their number.
    const scroller = table.getByRole("rowgroup").nth(1);
    await scroller.evaluate((element) => element.scrollTo(0, 400));
    await startRuns(pages, 3);
    await page.getByRole("button", { name: "3 new" }).click();
    await expect.poll(() => table.getAttribute("aria-rowcount")).toBe("64");
    expect(await scroller.evaluate((element) => element.scrollTop)).toBe(0);

    await page.getByRole("button", { name: "Live. Pause" }).click();
    await page.getByText("Paused").waitFor();
    await startRuns(pages, 2);
    await page.getByRole("button", { name: "2 new" }).waitFor();
    expect(await table.getAttribute("aria-rowcount")).toBe("64");
    await page.getByRole("button", { name: "Paused. Go on live" }).click();
    await expect.poll(() => table.getAttribute("aria-rowcount")).toBe("66");
    expect(problems).toEqual([]);
  },
);

const isStream = ({ path }: { path: string }) => path === "/v1/deliveries/stream";

test.skipIf(browserMissing)(
  "tabs share one stream, and when its tab closes the next one goes on",
  async () => {
    const pages = await openPages();
    const { page, go, context, asked, service } = pages;
    await subscribe(pages);
    asked.length = 0;
    await go("/deliveries");
    await page.getByRole("button", { name: "Live. Pause" }).waitFor();
    const others = await Promise.all([1, 2].map(() => context.newPage()));
    for (const other of others) {
      await other.goto(`${service.server.url}/dashboard/deliveries`);
      await other.getByText("Live", { exact: true }).waitFor();
    }
    await startRuns(pages, 1);
    for (const one of [page, ...others]) {
      await one.getByRole("link").filter({ hasText: "workflow_run_started" }).waitFor();
    }
    expect(asked.filter(isStream)).toHaveLength(1);

    await page.close();
    await expect.poll(() => asked.filter(isStream).length).toBe(2);
    await startRuns(pages, 1);
    for (const other of others) {
      const links = other.getByRole("link").filter({ hasText: "workflow_run_started" });
      await expect.poll(() => links.count()).toBe(2);
    }
  },
);

test.skipIf(browserMissing)(
  "a page that lies open for an hour asks for nothing but the stream",
  async () => {
    const pages = await openPages();
    const { page, go, asked } = pages;
    await subscribe(pages);
    await startRuns(pages, 2);
    await page.clock.install();
    for (const path of ["/", "/deliveries", "/endpoints"]) {
      await go(path);
      await page.getByRole("heading", { level: 1 }).waitFor();
      // What the page asked at first, and what the first changes made it ask again, is over.
      const askedMeanwhile = async () => {
        const before = asked.length;
        await page.clock.runFor(6_000);
        return asked.slice(before).filter((one) => !isStream(one)).length;
      };
      await expect.poll(askedMeanwhile).toBe(0);
      const before = asked.length;
      await page.clock.fastForward("01:00:00");
      await page.clock.runFor(5_000);
      const others = asked.slice(before).filter((one) => !isStream(one));
      expect(others, path).toEqual([]);
    }
  },
);
