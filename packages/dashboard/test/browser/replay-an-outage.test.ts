import { expect, test } from "vitest";
import { browserMissing, openPages, startRuns, subscribe } from "./support/pages.ts";

const missed = 40;

test.skipIf(browserMissing)(
  "replay an outage: what an endpoint missed arrives once more, under its ids, and the page counts it",
  async () => {
    const pages = await openPages();
    const { page, go, receiver, problems } = pages;
    receiver.answerBy(() => 503);
    await subscribe(pages);
    await startRuns(pages, missed);
    await receiver.received(missed);
    receiver.answerBy(() => 200);

    await go("/");
    await page.getByRole("button", { name: "Replay what was missed…" }).click();
    const dialog = page.getByRole("dialog", { name: "Replay to Billing system" });
    await dialog.getByText(`${missed} deliveries`).waitFor();
    await dialog.getByLabel("At most so many a second").fill("100");
    await dialog.getByRole("button", { name: `Replay ${missed}` }).click();
    await dialog.getByText(`${missed} deliveries arrived.`).waitFor();
    await dialog.getByRole("button", { name: "Close" }).last().click();

    const ids = (from: number) =>
      receiver.requests
        .slice(from, from + missed)
        .map(({ headers }) => headers["webhook-id"])
        .sort();
    expect(receiver.requests).toHaveLength(2 * missed);
    expect(ids(missed)).toEqual(ids(0));
    // Everything is fine again, and the page says so by itself.
    await page.getByText("Everything is fine.").waitFor();
    await page.getByRole("link", { name: "Replays" }).click();
    await page.getByText("Failed deliveries to Billing system").waitFor();
    expect(problems).toEqual([]);
  },
);
