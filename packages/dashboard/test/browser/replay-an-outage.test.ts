import { expect, test } from "vitest";
import { browserMissing, openPages, startRuns, subscribe, untilFailing } from "./support/pages.ts";

const runs = 40;

test.skipIf(browserMissing)(
  "replay an outage: what an endpoint missed arrives once more, under its ids, and the page counts it",
  async () => {
    const pages = await openPages();
    const { page, go, receiver, service, problems } = pages;
    receiver.answerBy(() => 503);
    const id = await subscribe(pages);
    await startRuns(pages, runs);
    await untilFailing(pages, id);
    // It is spared by then: some failed for good, the others wait for it.
    const dry = { filter: { endpoint_id: id }, only: "failed", dry_run: true };
    const missed = (await service.call("POST", "/v1/replays", dry)).body.matching as number;
    expect(missed).toBeGreaterThan(0);

    await go("/");
    await page.getByRole("button", { name: "Replay what was missed…" }).click();
    const dialog = page.getByRole("dialog", { name: "Replay to Billing system" });
    await dialog.getByLabel("Maximum per second").fill("100");
    const start = dialog.getByRole("button", { name: /^Replay \d+$/ });
    await start.waitFor();
    // From here on it works again: earlier, a probe could arrive, and there would be no button.
    const failed = receiver.requests.map(({ headers }) => headers["webhook-id"]);
    receiver.answerBy(() => 200);
    await start.click();
    await dialog.getByText(/^\d+ deliver(?:y|ies) arrived\.$/).waitFor({ timeout: 40_000 });
    // The endpoint has recovered by then, and the page behind the dialog says so; the dialog stays.
    await page.getByText("Everything is fine.").waitFor();
    await dialog.getByRole("button", { name: "Close" }).last().click();

    // Every run has arrived, those that had failed under the ids they had before.
    const arrived = () =>
      new Set(receiver.requests.slice(failed.length).map(({ headers }) => headers["webhook-id"]));
    await expect.poll(() => arrived().size, { timeout: 20_000 }).toBe(runs);
    expect([...arrived()]).toEqual(expect.arrayContaining(failed));
    await page.getByRole("link", { name: "Replays" }).click();
    await page.getByText("Failed deliveries to Billing system").waitFor();
    expect(problems).toEqual([]);
  },
);
