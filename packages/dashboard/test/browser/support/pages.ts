import { existsSync } from "node:fs";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { expect, onTestFinished } from "vitest";
import { makeLoginLink } from "../../../../server/bin/development.ts";
import { readConfig } from "../../../../server/src/config.ts";
import { openDatabase } from "../../../../server/src/db/pool.ts";
import { openReceiver, type Receiver } from "../../../../server/test/support/http-receiver.ts";
import { openService, type Service } from "../../../../server/test/support/running-server.ts";

/** Debian's Chromium; undefined where it is not installed. */
const program = ["/usr/bin/chromium"].find(existsSync);

/** Why no page can be opened here; undefined where one can. */
export const browserMissing = program === undefined ? "chromium is not installed" : undefined;

/** The pages of a running service of their own, and a browser that looks at them. */
export type Pages = {
  service: Service;
  receiver: Receiver;
  context: BrowserContext;
  page: Page;
  /** What any page asked of the service so far, files of the pages aside. */
  asked: { method: string; path: string }[];
  /** What went wrong in any page: errors that nobody caught, and what the CSP or the console complains of. */
  problems: string[];
  /** Goes to a page of the dashboard. */
  go(path: string): Promise<void>;
};

/** What browsers write of every answer that is no 2xx; the pages show those to people. */
const ordinary = /Failed to load resource: the server responded with a status of 4\d\d/;

let launched: Promise<Browser> | undefined;

/** The browser of this worker's tests. A test has its own context: its cookies, its storage and its pages are no other's. */
async function openBrowser(): Promise<Browser> {
  const before = await launched?.catch(() => undefined);
  if (before?.isConnected()) return before;
  launched = chromium.launch({
    executablePath: program ?? "",
    // CI is root in a container, where the sandbox cannot be had. The pages are ours.
    args: ["--no-sandbox"],
    timeout: 60_000,
  });
  return await launched;
}

/** Opens a service with a receiver, and a browser at its pages; all of it ends with the test. */
export async function openPages(
  options: {
    signedIn?: boolean;
    width?: number;
    dark?: boolean;
    env?: Record<string, string>;
  } = {},
): Promise<Pages> {
  const { signedIn = true, width = 1280, dark = false, env = {} } = options;
  const receiver = await openReceiver();
  onTestFinished(() => receiver.close());
  const service = await openService({}, { POSTRIDER_EGRESS_ALLOW: "127.0.0.0/8", ...env });
  const { url } = service.server;
  const browser = await openBrowser();
  // Those too that the test opened itself.
  onTestFinished(async () => {
    await Promise.all(browser.contexts().map((one) => one.close()));
  });
  const context = await browser.newContext({
    viewport: { width, height: 850 },
    colorScheme: dark ? "dark" : "light",
    reducedMotion: "reduce",
    permissions: ["clipboard-read", "clipboard-write"],
    timezoneId: "UTC",
  });
  context.setDefaultTimeout(15_000);
  const problems: string[] = [];
  const asked: Pages["asked"] = [];
  context.on("request", (request) => {
    const { origin, pathname } = new URL(request.url());
    if (origin !== url) problems.push(`a request to ${origin}`);
    if (!/^\/(?:dashboard|portal)(?:\/|$)/.test(pathname)) {
      asked.push({ method: request.method(), path: pathname });
    }
  });
  context.on("page", (page) => {
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error" && !ordinary.test(message.text()))
        problems.push(message.text());
    });
    page.on("dialog", (dialog) => {
      problems.push(`a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
  });
  const page = await context.newPage();
  const pages: Pages = {
    service,
    receiver,
    context,
    page,
    asked,
    problems,
    go: async (path) => {
      await page.goto(`${url}/dashboard${path}`);
    },
  };
  if (signedIn) await openSession(pages);
  return pages;
}

/** Signs the browser in without a page. How a person does it has its own tests. */
async function openSession({ service, context }: Pages): Promise<void> {
  const { url } = service.server;
  const answer = await fetch(`${url}/v1/sessions`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-postrider-request": "1", origin: url },
    body: JSON.stringify({ api_key: service.key }),
  });
  const [, name = "", value = ""] =
    /^([^=]+)=([^;]+)/.exec(answer.headers.getSetCookie()[0] ?? "") ?? [];
  if (name === "") throw new Error(`no session was opened: ${await answer.text()}`);
  await context.addCookies([
    {
      name,
      value,
      url: url.replace("http:", "https:"),
      secure: true,
      httpOnly: true,
      sameSite: "Strict",
    },
  ]);
}

/** Signs the browser in by the operator's key, as a person does. */
export async function signIn({ page, go, service }: Pages): Promise<void> {
  await go("/team");
  await page.getByLabel("API key").fill(service.key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("heading", { name: "Team" }).waitFor();
}

/** Makes a link that signs in once, as `npm start` prints it. */
export async function makeSignInLink({ service }: Pick<Pages, "service">): Promise<string> {
  const database = openDatabase({
    url: service.databaseUrl,
    name: "test",
    connectionsMax: 1,
    statementTimeoutMs: 10_000,
    onError: () => {},
    role: "owner",
  });
  try {
    const config = readConfig("development", { POSTRIDER_API_KEY: service.key });
    return await makeLoginLink(config, { database, url: service.server.url }, service.key);
  } finally {
    await database.close();
  }
}

/** Subscribes the receiver to workflows and their runs; gives the webhook's id. */
export async function subscribe(
  { service, receiver }: Pick<Pages, "service" | "receiver">,
  told: Record<string, unknown> = {},
): Promise<string> {
  const { status, body } = await service.call("POST", "/workflows/v1/workflow-webhooks", {
    name: "Billing system",
    url: `${receiver.origin}/hook`,
    actions: ["workflow_run_started"],
    max_retries: 0,
    ...told,
  });
  if (status !== 201) throw new Error(`the webhook was refused: ${JSON.stringify(body)}`);
  return body.id as string;
}

/** Reports so many runs of a new workflow. */
export async function startRuns({ service }: Pick<Pages, "service">, runs: number): Promise<void> {
  const made = await service.call("POST", "/workflows/v1/workflows", { name: "Patient intake" });
  const workflow_id = made.body.workflow.id as string;
  const data = { workflow_id, trigger: "manual" };
  await service.call("POST", "/v1/facts", {
    facts: Array.from({ length: runs }, () => ({ type: "run.started", data })),
  });
}

/** Waits until the service says that an endpoint fails. */
export async function untilFailing({ service }: Pick<Pages, "service">, id: string): Promise<void> {
  const state = async () => (await service.call("GET", `/v1/endpoints/${id}`)).body.health.state;
  await expect.poll(state, { timeout: 20_000 }).toBe("failing");
}
