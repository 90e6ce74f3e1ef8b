import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { browserMissing, openPages, subscribe } from "./support/pages.ts";

/** A site of somebody else, whose pages show what a test says; `localhost` is another site than 127.0.0.1. */
async function openSite(host: string) {
  let shown = "";
  const server = createServer((_request, response) => {
    response.setHeader("content-type", "text/html");
    response.end(
      `<!doctype html><title>A site</title><iframe src="${shown}" width="1100" height="700"></iframe>`,
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const origin = `http://${host}:${(server.address() as AddressInfo).port}`;
  return { origin, show: (url: string) => (shown = url) };
}

test.skipIf(browserMissing)(
  "the portal works in a frame of an origin that the settings name, and in no other; the dashboard in none",
  async () => {
    const ours = await openSite("localhost");
    const foreign = await openSite("localhost");
    const pages = await openPages({ env: { POSTRIDER_PORTAL_ORIGINS: ours.origin } });
    const { page, service, context } = pages;
    const { url } = service.server;
    await subscribe(pages);
    const { body: me } = await service.call("GET", "/accounts/v1/users/me");
    const link = await service.call("POST", "/v1/portal-links", {
      team_id: me.team_id,
      access: "read",
      expires_in_seconds: 600,
    });
    const shownIn = async (site: typeof ours, address: string) => {
      site.show(address);
      await page.goto(site.origin);
      return page.frameLocator("iframe");
    };
    const inside = await shownIn(ours, link.body.url);
    await inside.getByRole("link", { name: "Endpoints" }).click();
    await inside.getByRole("list", { name: "Endpoints" }).getByText("Billing system").waitFor();
    const portal = (await context.cookies(url)).find(({ name }) => name.endsWith("_portal"));
    expect(portal).toMatchObject({ sameSite: "None", secure: true, httpOnly: true });

    for (const [site, address] of [
      [foreign, link.body.url],
      [ours, `${url}/dashboard/`],
      [foreign, `${url}/dashboard/`],
    ] as const) {
      const refused = context.waitForEvent("requestfailed", {
        predicate: (request) => request.url().startsWith(url),
      });
      const outside = await shownIn(site, address);
      expect((await refused).failure()?.errorText, address).toMatch(/BLOCKED_BY_(?:CSP|RESPONSE)/);
      expect(await outside.getByRole("navigation").count()).toBe(0);
    }
    // What a browser goes by, beside what this one did with it.
    const headersOf = async (path: string) => (await fetch(`${url}${path}`)).headers;
    const dashboard = await headersOf("/dashboard/");
    expect(dashboard.get("content-security-policy")).toContain("frame-ancestors 'none'");
    expect(dashboard.get("x-frame-options")).toBe("DENY");
    const own = (await headersOf("/portal/")).get("content-security-policy");
    expect(own).toContain(`frame-ancestors ${ours.origin};`);
  },
);

test.skipIf(browserMissing)(
  "a customer in the portal reaches nothing of another team, by no address and by no request of the page's own",
  async () => {
    const pages = await openPages();
    const { page, service, context } = pages;
    const { url } = service.server;
    const mine = await subscribe(pages);
    const { body: team } = await service.call("POST", "/v1/teams", { name: "Others" });
    const made = await fetch(`${url}/workflows/v1/workflow-webhooks`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${service.key}`,
        "content-type": "application/json",
        "x-org-id": team.id,
      },
      body: JSON.stringify({
        name: "Secret of others",
        url: "https://example.com/hook",
        actions: ["workflow_run_started"],
      }),
    });
    const { id: theirs } = (await made.json()) as { id: string };
    expect(made.status).toBe(201);
    const { body: me } = await service.call("GET", "/accounts/v1/users/me");
    const link = await service.call("POST", "/v1/portal-links", {
      team_id: me.team_id,
      access: "manage",
      expires_in_seconds: 600,
    });
    await context.clearCookies();
    await page.goto(link.body.url);
    await page.getByRole("link", { name: "Endpoints" }).click();
    await page.getByText("Billing system").waitFor();
    expect(await page.getByText("Secret of others").count()).toBe(0);
    await page.goto(`${url}/portal/endpoints?endpoint=${theirs}`);
    await page.getByText("Not found.").waitFor();

    // As a script in the page would ask, with the session's cookie and whatever headers it likes.
    const statuses = await page.evaluate(
      async ({ ids, team }) => {
        const ask = async (path: string, init: RequestInit = {}) =>
          (await fetch(path, { ...init, headers: { "x-postrider-request": "1", ...init.headers } }))
            .status;
        const at = (id: string) => `/workflows/v1/workflow-webhooks/${id}`;
        const asTheirs = { headers: { "x-org-id": team } };
        return {
          own: await ask(at(ids.mine)),
          read: await ask(at(ids.theirs)),
          secret: await ask(`${at(ids.theirs)}/signing-secret`),
          erase: await ask(at(ids.theirs), { method: "DELETE" }),
          asTheTeam: await ask("/v1/endpoints", asTheirs),
          move: await ask("/v1/sessions/current", {
            method: "PATCH",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({ team_id: team }),
          }),
          keys: await ask("/v1/api-keys"),
          audit: await ask("/v1/audit"),
        };
      },
      { ids: { mine, theirs }, team: team.id as string },
    );
    expect(statuses).toEqual({
      own: 200,
      read: 404,
      secret: 404,
      erase: 404,
      asTheTeam: 404,
      move: 403,
      keys: 403,
      audit: 403,
    });
  },
);
