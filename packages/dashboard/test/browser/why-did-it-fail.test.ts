import { expect, test } from "vitest";
import { browserMissing, openPages, startRuns, subscribe, untilFailing } from "./support/pages.ts";

test.skipIf(browserMissing)(
  "why did this fail: from the overview to the receiver's own words in two clicks",
  async () => {
    const pages = await openPages();
    const { page, go, receiver, problems } = pages;
    receiver.answerBy(() => ({
      status: 503,
      headers: { "content-type": "application/json", "x-ticket": "4711" },
      body: '{"error":"maintenance, back at 11:00"}',
    }));
    const id = await subscribe(pages);
    await startRuns(pages, 12);
    await untilFailing(pages, id);

    await go("/");
    const attention = page.getByRole("region", { name: "Needs attention" });
    await attention.getByText("The receiver answers 503.").waitFor();
    await attention.getByRole("link", { name: "Open Billing system" }).click();
    const recent = page.getByRole("region", { name: "Recent deliveries" });
    await recent.getByRole("link").filter({ hasText: "Failed" }).first().click();

    const detail = page.getByRole("article", { name: "Delivery" });
    await detail.getByText("maintenance, back at 11:00").waitFor();
    await detail.getByText("x-ticket:").waitFor();
    expect(await detail.getByRole("listitem").filter({ hasText: "503" }).count()).toBe(1);

    // The payload, and something in it.
    await detail.getByRole("tab", { name: "Payload" }).click();
    await detail.getByLabel("Search in the payload").fill("patient");
    await detail.getByText("1 of").waitFor();
    await detail.getByText('"Patient intake"').first().waitFor();

    // The same request in a terminal.
    await detail.getByRole("button", { name: "Copy as curl" }).click();
    await expect
      .poll(() => page.evaluate(() => navigator.clipboard.readText()))
      .toContain(`curl -sS -i '${receiver.origin}/hook'`);

    // Mended: the very delivery, once more, and the page sees it arrive by itself.
    receiver.answerBy(() => 200);
    await detail.getByRole("button", { name: /Retry now/ }).click();
    await detail.getByText("Delivered").waitFor();
    await detail.getByText("The answer changed: 503, then 200.").waitFor();
    expect(problems).toEqual([]);
  },
);

test.skipIf(browserMissing)(
  "keys move through the list, open and close, and the address says where one is",
  async () => {
    const pages = await openPages();
    const { page, go, receiver } = pages;
    await subscribe(pages);
    await startRuns(pages, 5);
    await receiver.received(5);
    await go("/deliveries");
    await page.getByRole("table", { name: "Deliveries" }).getByRole("link").nth(4).waitFor();
    const focused = () =>
      page.evaluate(() => document.activeElement?.getAttribute("data-delivery"));
    const ids = await page
      .locator("[data-delivery]")
      .evaluateAll((rows) => rows.map((row) => row.getAttribute("data-delivery")));
    await page.keyboard.press("j");
    await expect.poll(focused).toBe(ids[0]);
    await page.keyboard.press("j");
    await expect.poll(focused).toBe(ids[1]);
    await page.keyboard.press("Enter");
    await page.getByRole("article", { name: "Delivery" }).waitFor();
    expect(new URL(page.url()).searchParams.get("delivery")).toBe(ids[1]);
    await page.keyboard.press("k");
    await expect.poll(() => new URL(page.url()).searchParams.get("delivery")).toBe(ids[0]);
    await page.keyboard.press("Escape");
    await expect.poll(() => new URL(page.url()).searchParams.get("delivery")).toBeNull();
    await page.goBack();
    await page.getByRole("article", { name: "Delivery" }).waitFor();
  },
);
