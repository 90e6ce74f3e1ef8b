import { existsSync } from "node:fs";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { onTestFinished } from "vitest";
import { openReceiver, type Receiver } from "../../../../server/test/support/http-receiver.ts";
import { openService, type Service } from "../../../../server/test/support/running-server.ts";
import { type DistServer, serveDist } from "./dist-server.ts";

/** Debian's Chromium; undefined where it is not installed. */
const program = ["/usr/bin/chromium"].find(existsSync);

/** Why no page can be opened here; undefined where one can. */
export const browserMissing = program === undefined ? "chromium is not installed" : undefined;

/** The pages before a running service of their own, and a browser that looks at them. */
export type Pages = {
  service: Service;
  receiver: Receiver;
  served: DistServer;
  context: BrowserContext;
  page: Page;
  /** What went wrong in any page: errors that nobody caught, and what the CSP or the console complains of. */
  problems: string[];
  /** Goes to a page of the dashboard, or of the portal. */
  go(path: string): Promise<void>;
};

/** What browsers write of every answer that is no 2xx; the pages show those to people. */
const ordinary = /Failed to load resource: the server responded with a status of 4\d\d/;

/** Opens a service with a receiver, and a browser at its pages; all of it ends with the test. */
export async function openPages(
  options: {
    signedIn?: boolean;
    width?: number;
    dark?: boolean;
    /** Who is signed in instead, as in the portal. */
    viewer?: Record<string, unknown>;
  } = {},
): Promise<Pages> {
  const { signedIn = true, width = 1280, dark = false, viewer } = options;
  const receiver = await openReceiver();
  onTestFinished(() => receiver.close());
  const service = await openService({}, { POSTRIDER_EGRESS_ALLOW: "127.0.0.0/8" });
  const served = await serveDist(
    { url: service.server.url, key: service.key },
    {
      signedIn,
      ...(viewer && { viewer }),
    },
  );
  onTestFinished(() => served.close());
  const browser = await chromium.launch({
    executablePath: program ?? "",
    // CI is root in a container, where the sandbox cannot be had. The pages are ours.
    args: ["--no-sandbox"],
    timeout: 60_000,
  });
  onTestFinished(() => browser.close());
  const context = await browser.newContext({
    viewport: { width, height: 850 },
    colorScheme: dark ? "dark" : "light",
    reducedMotion: "reduce",
    permissions: ["clipboard-read", "clipboard-write"],
    timezoneId: "UTC",
  });
  context.setDefaultTimeout(15_000);
  const problems: string[] = [];
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
  return {
    service,
    receiver,
    served,
    context,
    page,
    problems,
    go: async (path) => {
      await page.goto(`${served.url}/${viewer?.portal ? "portal" : "dashboard"}${path}`);
    },
  };
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
