import { expect, test } from "vitest";
import { browserMissing, openPages, startRuns, subscribe } from "./support/pages.ts";
import { openPortal } from "./support/portal.ts";

test.skipIf(browserMissing)(
  "the portal shows what its session may see, in its own colours, and offers nothing else",
  async () => {
    const pages = await openPages({ dark: true });
    const { page, receiver, asked, problems } = pages;
    const id = await subscribe(pages);
    await startRuns(pages, 3);
    await receiver.received(3);
    asked.length = 0;
    const go = await openPortal(pages, "read");
    await page.getByText("Everything is fine.").waitFor();
    const names = await page.getByRole("navigation").getByRole("link").allTextContents();
    expect(names).toEqual(["Overview", "Deliveries", "Endpoints", "Replays", "Events"]);
    // A light background brings the light theme along, whatever the system likes.
    expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe("light");
    expect(
      await page.evaluate(() => document.documentElement.style.getPropertyValue("--accent")),
    ).toMatch(/^#/);

    await page.getByRole("complementary").getByRole("button").click();
    await page.getByRole("menuitem", { name: "Sign out" }).waitFor();
    expect(await page.getByRole("menuitemradio").allTextContents()).not.toContain(
      "Northside Clinics",
    );
    await page.keyboard.press("Escape");

    await go(`/endpoints?endpoint=${id}`);
    await page.getByRole("region", { name: "Health" }).waitFor();
    for (const name of ["Send a test event…", "Edit", "Disable", "Delete…", "Reveal", "Rotate…"]) {
      expect(await page.getByRole("button", { name }).count(), name).toBe(0);
    }
    await go("/deliveries");
    await page.getByRole("table").getByRole("link").first().click();
    await page.getByRole("article", { name: "Delivery" }).getByText("Delivered").waitFor();
    expect(
      await page.getByRole("button", { name: /Retry now|Deliver again|Replay these/ }).count(),
    ).toBe(0);
    // Pages of the operator are not there.
    for (const path of ["/keys", "/audit", "/team", "/runs", "/start"]) {
      await go(path);
      await page.getByRole("heading", { name: "No such page" }).waitFor();
    }
    expect(asked.filter(({ path }) => /audit|api-keys|teams|workflow-runs/.test(path))).toEqual([]);
    expect(problems).toEqual([]);
  },
);

test.skipIf(browserMissing)("who may manage in the portal does so there", async () => {
  const pages = await openPages();
  const { page, receiver, problems } = pages;
  const go = await openPortal(pages, "manage");
  await go("/endpoints");
  await page.getByRole("link", { name: "New workflow webhook" }).click();
  await page.getByLabel("Name", { exact: true }).fill("Our own");
  await page.getByLabel("URL", { exact: true }).fill(`${receiver.origin}/hook`);
  await page.getByRole("checkbox", { name: "workflow_run_started" }).check();
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("heading", { name: "Our own" }).waitFor();
  expect(new URL(page.url()).pathname).toBe("/portal/endpoints");
  expect(problems).toEqual([]);
});
