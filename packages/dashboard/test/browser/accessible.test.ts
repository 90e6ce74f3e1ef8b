import { mkdirSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { faultsOf, lookAt } from "./support/looks.ts";
import {
  browserMissing,
  openPages,
  type Pages,
  startRuns,
  subscribe,
  untilFailing,
} from "./support/pages.ts";

/** Kept for people who look: every page, in both themes, wide and narrow. */
const screenshots = path.resolve(import.meta.dirname, "../../screenshots");

/** Makes something for every page to show; gives the addresses. */
async function furnish(pages: Pages): Promise<Record<string, string>> {
  const { service, receiver } = pages;
  receiver.answerBy(({ path }) =>
    path.startsWith("/failing") ? { status: 503, body: '{"error":"x"}' } : 200,
  );
  const healthy = await subscribe(pages, { name: "A name that is long ".repeat(6).trim() });
  // Too long for a narrow window, and without a place to break.
  const failing = await subscribe(pages, {
    url: `${receiver.origin}/failing?tenant=${"northside-clinics-".repeat(8)}`,
  });
  await startRuns(pages, 12);
  await untilFailing(pages, failing);
  const assistant = await service.call("POST", "/assistants/v1/assistants", {
    name: "Reception, استقبال 👩🏽‍⚕️, with a long name ".repeat(3).trim(),
    assistantServer: {
      enabled: true,
      url: `${receiver.origin}/calls`,
      messages: ["status-update", "conversation-update"],
    },
  });
  const call = await service.call("POST", "/calls/v1/conversations", {
    assistantId: assistant.body.id,
    status: "ongoing",
  });
  await service.call("POST", `/calls/v1/conversations/${call.body.id}/messages`, {
    role: "user",
    text: "مرحبا 👋 ".repeat(30),
  });
  await service.call("POST", "/v1/replays", { filter: { endpoint_id: failing }, only: "failed" });
  const { body: me } = await service.call("GET", "/accounts/v1/users/me");
  await service.call("POST", "/v1/portal-links", {
    team_id: me.team_id,
    access: "manage",
    endpoint_ids: [healthy, failing],
    expires_in_seconds: 3_600,
    theme: { accent: "#d4380d", background: "#fff7e6" },
  });
  const runs = await service.call("GET", "/workflows/v1/workflow-runs?size=1");
  const workflow: string = runs.body.runs[0].workflow_id;
  const failed = await service.call("GET", `/v1/deliveries?endpoint_id=${failing}&limit=1`);
  return {
    overview: "/",
    deliveries: "/deliveries",
    delivery: `/deliveries?status=failed&delivery=${failed.body.deliveries[0].id}`,
    "delivery-wide": `/delivery?id=${failed.body.deliveries[0].id}`,
    nothing: "/deliveries?type=hang&status=failed",
    unknown: "/deliveries?delivery=6b0d00000000000000000bad",
    endpoints: "/endpoints",
    endpoint: `/endpoints?endpoint=${healthy}`,
    edit: `/endpoints?endpoint=${healthy}&edit=yes`,
    new: "/endpoints?new=organisation",
    runs: "/runs",
    "runs-of-one": `/runs?workflow=${workflow}`,
    run: `/runs?run=${runs.body.runs[0].id}`,
    calls: "/calls",
    call: `/calls?call=${call.body.id}`,
    assistants: "/assistants",
    assistant: `/assistants?assistant=${assistant.body.id}`,
    replays: "/replays",
    events: "/events?type=workflow_run_completed",
    start: "/start",
    keys: "/keys",
    "portal-links": "/portal-links",
    sessions: "/sessions",
    team: "/team",
    audit: "/audit",
    operational: "/operational",
    missing: "/no-such-page",
  };
}

async function settled(page: Page): Promise<void> {
  await page.getByRole("heading", { level: 1 }).waitFor();
  await page.waitForFunction(() => document.querySelector('[aria-label="Loading"]') === null);
}

test.skipIf(browserMissing)(
  "axe finds nothing on any page, and nothing scrolls sideways: wide in both themes, and narrow",
  { timeout: 300_000 },
  async () => {
    const pages = await openPages();
    const { page, go, problems } = pages;
    mkdirSync(screenshots, { recursive: true });
    const open = async (address: string) => {
      await go(address);
      await settled(page);
    };
    const looks = { open, screenshots, narrow: 390 };
    expect(await lookAt(page, await furnish(pages), looks)).toEqual({});
    expect(problems).toEqual([]);
  },
);

test.skipIf(browserMissing)(
  "what opens is accessible too: filters, menus and dialogs",
  async () => {
    const pages = await openPages();
    const { page, go, problems } = pages;
    const id = await subscribe(pages);
    await go("/deliveries");
    await page.getByRole("button", { name: "Status" }).click();
    await page.getByRole("checkbox", { name: "Retrying" }).check();
    expect(await faultsOf(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await page.getByText("No delivery matches these filters").waitFor();
    await page.getByRole("complementary").getByRole("button").click();
    await page.getByRole("menuitemradio", { name: "Dark" }).click();
    expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe("dark");
    const licences = page.getByRole("menuitem", { name: "Licences" });
    const { url } = pages.service.server;
    const text = await page.request.get(
      new URL((await licences.getAttribute("href")) ?? "", url).href,
    );
    expect([text.status(), text.headers()["content-type"]]).toEqual([
      200,
      "text/plain; charset=utf-8",
    ]);
    expect(await text.text()).toMatch(/^react \d\S+ \(MIT\)$/m);
    expect(await faultsOf(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await go("/portal-links");
    await page.getByRole("button", { name: "New link…" }).click();
    await page.getByRole("checkbox", { name: "Only some of them" }).check();
    await page.getByRole("checkbox", { name: "Billing system" }).waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await page.screenshot({ path: path.join(screenshots, "new-portal-link.png") });
    await page.keyboard.press("Escape");
    await go(`/endpoints?endpoint=${id}`);
    await page.getByRole("button", { name: "Delete…" }).click();
    await page.getByRole("dialog", { name: "Delete Billing system?" }).waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await page.getByRole("button", { name: "Delete Billing system" }).click();
    await page.getByText("No endpoints yet").waitFor();
    expect(problems).toEqual([]);
  },
);

/** What a first page may load of script, in bytes as they are sent. */
const scriptMax = 180_000;

test.skipIf(browserMissing)("no page loads more than 180 kB of script, compressed", async () => {
  const pages = await openPages();
  const { context, service } = pages;
  const endpoint = await subscribe(pages);
  await startRuns(pages, 1);
  await pages.receiver.received(1);
  const { body } = await service.call("GET", "/v1/deliveries");
  const addresses = {
    overview: "/",
    deliveries: "/deliveries",
    delivery: `/deliveries?delivery=${body.deliveries[0].id}`,
    endpoint: `/endpoints?endpoint=${endpoint}`,
    events: "/events?type=workflow_run_completed",
    assistant: "/assistants?new=yes",
  };
  const sizes: Record<string, number> = {};
  for (const [name, address] of Object.entries(addresses)) {
    const page = await context.newPage();
    const scripts: Promise<number>[] = [];
    page.on("response", (response) => {
      if (!/\.js$/.test(new URL(response.url()).pathname)) return;
      scripts.push(response.body().then((body) => gzipSync(body).length));
    });
    await page.goto(`${service.server.url}/dashboard${address}`);
    await settled(page);
    // Charts come last.
    if (/overview|endpoint/.test(name)) await page.locator("canvas").first().waitFor();
    sizes[name] = (await Promise.all(scripts)).reduce((sum, size) => sum + size, 0);
    await page.close();
  }
  console.log("script by page, gzip:", JSON.stringify(sizes));
  for (const [name, size] of Object.entries(sizes)) expect(size, name).toBeLessThan(scriptMax);
});
