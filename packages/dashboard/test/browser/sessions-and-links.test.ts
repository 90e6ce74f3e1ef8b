import { expect, test } from "vitest";
import { browserMissing, openPages, signIn, startRuns, subscribe } from "./support/pages.ts";

test.skipIf(browserMissing)(
  "sessions are seen and ended one by one, and signing out everywhere ends this one too",
  async () => {
    const pages = await openPages();
    const { page, go, context, problems } = pages;
    // Another browser of the same person.
    const other = await context.browser()?.newContext();
    if (!other) throw new Error("there is no browser");
    const elsewhere = { ...pages, page: await other.newPage() };
    elsewhere.go = async (path) => {
      await elsewhere.page.goto(`${pages.service.server.url}/dashboard${path}`);
    };
    await signIn(elsewhere);

    await go("/sessions");
    const sessions = page.getByRole("list", { name: "Sessions" }).getByRole("listitem");
    await expect.poll(() => sessions.count()).toBe(2);
    expect(await sessions.filter({ hasText: "this browser" }).count()).toBe(1);
    await sessions.getByRole("button", { name: "Sign out" }).click();
    await page.getByText("The session has ended").waitFor();
    await expect.poll(() => sessions.count()).toBe(1);
    await elsewhere.go("/team");
    await elsewhere.page.getByLabel("API key").waitFor();

    await page.getByRole("button", { name: "Sign out everywhere…" }).click();
    await page.getByRole("button", { name: "Sign out everywhere", exact: true }).click();
    await page.getByLabel("API key").waitFor();
    expect(await context.cookies()).toEqual([]);
    expect(problems).toEqual([]);
  },
);

test.skipIf(browserMissing)(
  "a portal link is made for one endpoint, opens that one alone, and opens nothing once it is revoked",
  async () => {
    const pages = await openPages();
    const { page, go, context, problems } = pages;
    await subscribe(pages);
    await subscribe(pages, { name: "Not for them" });
    await go("/portal-links");
    await page.getByText("No active portal links").waitFor();
    await page.getByRole("button", { name: "New link…" }).click();
    await page.getByRole("checkbox", { name: "Only some of them" }).check();
    await page.getByRole("checkbox", { name: "Billing system" }).check();
    await page.getByLabel("Accent colour").fill("red");
    await page.getByRole("button", { name: "Make the link" }).click();
    // Refused in the API's own words, at its field.
    await page.getByText("see the fields above").waitFor();
    expect(await page.getByLabel("Accent colour").getAttribute("aria-invalid")).toBe("true");
    await page.getByLabel("Accent colour").fill("#d4380d");
    await page.getByRole("button", { name: "Make the link" }).click();
    await page.getByRole("button", { name: "Copy link" }).click();
    const url = await page.evaluate(() => navigator.clipboard.readText());
    expect(url).toContain("/portal/#login=");
    await page.getByRole("button", { name: "Done" }).click();
    const row = page.getByRole("listitem").filter({ hasText: "Billing system" });
    await row.getByText("to look, in #d4380d").waitFor();

    const customer = await (await context.browser()?.newContext())?.newPage();
    if (!customer) throw new Error("there is no browser");
    await customer.goto(url);
    await customer.getByRole("link", { name: "Endpoints" }).click();
    const endpoints = customer.getByRole("list", { name: "Endpoints" }).getByRole("listitem");
    await endpoints.first().waitFor();
    expect(await endpoints.count()).toBe(1);
    expect(await endpoints.first().textContent()).toContain("Billing system");

    await row.getByRole("button", { name: /^Revoke/ }).click();
    await page.getByRole("button", { name: "Revoke the link", exact: true }).click();
    await page.getByText("No active portal links").waitFor();
    await customer.reload();
    await customer.getByRole("heading", { name: "This link has ended" }).waitFor();
    await customer.goto(url);
    await customer.getByRole("heading", { name: "This link has ended" }).waitFor();
    expect(problems).toEqual([]);
  },
);

test.skipIf(browserMissing)(
  "a delivery has a page of its own, where its signature is checked with the endpoint's secret, which the audit notes",
  async () => {
    const pages = await openPages();
    const { page, go, receiver, service, problems } = pages;
    await subscribe(pages);
    await startRuns(pages, 1);
    await receiver.received(1);
    await go("/deliveries");
    await page.getByRole("table").getByRole("link").first().click();
    await page.getByRole("article").getByText("Delivered").waitFor();
    await page.getByRole("link", { name: "Full width" }).click();
    await expect.poll(() => page.url()).toMatch(/\/dashboard\/delivery\?id=[0-9a-f]{24}$/);
    await page.getByRole("button", { name: "Copy the address of this page" }).click();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(page.url());
    await page.reload();
    await page.getByRole("article").getByText("Delivered").waitFor();
    expect(await page.getByRole("button", { name: "Close the delivery" }).count()).toBe(0);

    await page.getByRole("button", { name: "Check signature…" }).click();
    const dialog = page.getByRole("dialog", { name: "Check the signature" });
    const looks = async () =>
      (await service.call("GET", "/v1/audit?action=workflow_webhook.signing_secret_revealed")).body
        .entries.length;
    expect(await looks()).toBe(0);
    await dialog.getByRole("button", { name: "Check with the endpoint's secret" }).click();
    await dialog.getByText("It matches").waitFor();
    expect(await looks()).toBe(1);
    expect(await page.content()).not.toMatch(/whsec_[\w+/]{20}/);
    await dialog.getByLabel("Or another secret").fill(`whsec_${btoa("x".repeat(32))}`);
    await dialog.getByRole("button", { name: "Check", exact: true }).click();
    await dialog.getByText("It does not match").waitFor();
    expect(await looks()).toBe(1);

    await go("/delivery");
    await page.getByText("The address names no delivery").waitFor();
    expect(problems).toEqual([]);
  },
);
