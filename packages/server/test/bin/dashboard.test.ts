import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { ensureDashboard } from "../../bin/dashboard.ts";
import { makeLoginLink } from "../../bin/development.ts";
import { printGreeting } from "../../bin/greeting.ts";
import { readConfig } from "../../src/config.ts";
import { openService } from "../support/running-server.ts";

/** A checkout whose dashboard is built by this script. */
function checkout(build: string) {
  const root = mkdtempSync(path.join(tmpdir(), "postrider-checkout-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const folder = path.join(root, "packages/dashboard");
  mkdirSync(folder, { recursive: true });
  const write = (directory: string, manifest: object) =>
    writeFileSync(path.join(directory, "package.json"), JSON.stringify(manifest));
  write(root, { private: true, workspaces: ["packages/*"] });
  write(folder, { name: "@postrider/dashboard", version: "0.0.0", scripts: { build } });
  const isBuilt = () => existsSync(path.join(folder, "index.html"));
  return { isBuilt, unbuilt: () => (isBuilt() ? undefined : root) };
}

test("the first start of a checkout builds its dashboard and says so, the next one does not", async () => {
  const own = checkout("echo built > index.html");
  const told: string[] = [];
  const ensure = () =>
    ensureDashboard((line) => told.push(line), new AbortController().signal, own);
  expect(await ensure()).toBe(true);
  expect(told[0]).toBe("building the dashboard (first start only) …");
  const before = told.length;
  expect(await ensure()).toBe(true);
  expect(told).toHaveLength(before);
});

test("a dashboard that cannot be built keeps nobody from starting, and a signal ends its build", async () => {
  const tell = () => {};
  const never = new AbortController();
  expect(await ensureDashboard(tell, never.signal, checkout("exit 1"))).toBe(false);
  const stop = new AbortController();
  const waiting = ensureDashboard(() => stop.abort(), stop.signal, checkout("sleep 60"));
  await expect(waiting).rejects.toBe(stop.signal.reason);
});

test("the link that a start prints signs in once, as the development key, where POSTRIDER_PUBLIC_URL says", async () => {
  const service = await openService();
  const { url } = service.server;
  const linkWith = (env: Record<string, string>) =>
    makeLoginLink(
      readConfig("development", { POSTRIDER_API_KEY: service.key, ...env }),
      service.server,
      service.key,
    );
  const link = new URL(await linkWith({}));
  expect([link.origin, link.pathname]).toEqual([url, "/dashboard/"]);
  const token = new URLSearchParams(link.hash.slice(1)).get("login");
  const signIn = () =>
    fetch(`${url}/v1/sessions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ login_token: token }),
    });
  const first = await signIn();
  expect(first.status).toBe(201);
  const cookie = first.headers.get("set-cookie")?.split(";")[0] ?? "";
  const me = await (await fetch(`${url}/accounts/v1/users/me`, { headers: { cookie } })).json();
  expect(me).toMatchObject({ name: "POSTRIDER_API_KEY" });
  expect((await signIn()).status).toBe(401);
  expect(service.logged()).not.toContain(token);

  const elsewhere = await linkWith({ POSTRIDER_PUBLIC_URL: "https://hooks.acme.test" });
  expect(elsewhere).toMatch(/^https:\/\/hooks\.acme\.test\/dashboard\/#login=prl_[\w-]{43}$/);
});

test("the greeting has the link, or says how to get a dashboard", () => {
  const lines: string[] = [];
  const log = vi.spyOn(console, "log").mockImplementation((line) => void lines.push(String(line)));
  onTestFinished(() => log.mockRestore());
  const given = {
    url: "http://127.0.0.1:8080",
    apiKey: "prk_dev_x",
    keyIsFound: true,
    teamId: "00000000a38acb04e4031770",
    receiverUrl: undefined,
    receiverRefused: undefined,
  };
  const dashboardUrl = `${given.url}/dashboard/#login=prl_x`;
  printGreeting({ ...given, dashboardUrl });
  expect(lines.join("\n")).toContain(`Dashboard ${dashboardUrl}  (signs in once`);
  printGreeting({ ...given, dashboardUrl: undefined });
  expect(lines.join("\n")).toContain(
    "not built; build it with: npm run build -w packages/dashboard",
  );
});
