import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Postrider } from "@postrider/sdk";
import { encodeSecret } from "@postrider/sdk/sign";
import { Webhook } from "svix";
import { expect, onTestFinished, test } from "vitest";
import {
  migrate,
  planOf,
  readEndpoints,
  type SvixEndpoint,
} from "../../../../examples/migrate-from-svix.ts";
import { root } from "../house/sources.ts";
import { openReceiver } from "../support/http-receiver.ts";
import { openService } from "../support/running-server.ts";

/** An endpoint as Svix's API lists it. */
const endpointOf = (own: Partial<SvixEndpoint> = {}): SvixEndpoint => ({
  id: "ep_1srOrx2ZWZBpBUvZwXKQmoEYga2",
  url: "https://billing.example.com/hooks",
  description: "Billing system",
  uid: null,
  disabled: false,
  filterTypes: null,
  channels: null,
  rateLimit: null,
  metadata: {},
  ...own,
});

test("an endpoint without filter types wants every action, and its name is its description, uid or host", () => {
  const plan = planOf(endpointOf({ disabled: true }), new Map());
  expect(plan).toEqual({
    svixId: endpointOf().id,
    create: {
      name: "Billing system",
      url: "https://billing.example.com/hooks",
      actions: [
        "workflow_created",
        "workflow_updated",
        "workflow_deleted",
        "workflow_run_started",
        "workflow_run_completed",
      ],
      enabled: false,
    },
    leftBehind: [],
  });
  const nameOf = (own: Partial<SvixEndpoint>) => planOf(endpointOf(own), new Map()).create?.name;
  expect(nameOf({ description: "", uid: "billing" })).toBe("billing");
  expect(nameOf({ description: "" })).toBe("billing.example.com");
  expect(nameOf({ description: "x".repeat(200) })).toHaveLength(150);
});

test("event types are mapped, and what cannot be carried over is listed", () => {
  const map = new Map([
    ["run.done", "workflow_run_completed"],
    ["run.failed", "workflow_run_completed"],
    ["run.odd", "no_action"],
  ]);
  const filterTypes = ["run.done", "run.failed", "workflow_created", "invoice.paid", "run.odd"];
  const plan = planOf(
    endpointOf({ filterTypes, channels: ["eu"], throttleRate: 5, metadata: { a: "b" } }),
    map,
  );
  expect(plan.create?.actions).toEqual(["workflow_run_completed", "workflow_created"]);
  expect(plan.leftBehind).toEqual([
    "event types without an action: invoice.paid, run.odd",
    "channels: eu",
    "the rate limit",
    "metadata",
  ]);
  expect(planOf(endpointOf({ filterTypes: ["invoice.paid"] }), map).create).toBeUndefined();
});

test("a usable secret is kept, and another one is reported without being quoted", () => {
  const good = encodeSecret(randomBytes(24));
  expect(planOf(endpointOf(), new Map(), good)).toMatchObject({
    create: { signing_secret: good },
    leftBehind: [],
  });
  const asymmetric = `whsk_${randomBytes(64).toString("base64")}`;
  const plan = planOf(endpointOf(), new Map(), asymmetric);
  expect(plan.create).not.toHaveProperty("signing_secret");
  expect(plan.leftBehind).toEqual([
    "the signing secret: it is not whsec_ and base64 of 24 to 64 bytes",
  ]);
});

test("a migrated receiver verifies by Svix's library under the secret that it has at Svix", async () => {
  const service = await openService();
  const receiver = await openReceiver();
  onTestFinished(() => receiver.close());
  const postrider = new Postrider({ url: service.server.url, apiKey: service.key });
  const secret = encodeSecret(randomBytes(24));
  const plans = [planOf(endpointOf({ url: `${receiver.origin}/hooks` }), new Map(), secret)];
  const { migrated } = await migrate(postrider, plans, { tell: () => {} });
  expect(migrated).toMatchObject([{ secret, kept: true }]);
  await postrider.workflows.create({ name: "Patient intake" });
  await receiver.received(1);
  const [request] = receiver.requests;
  const verified = new Webhook(secret).verify(
    request?.body ?? "",
    request?.headers as Record<string, string>,
  );
  expect(verified).toMatchObject({ action: "workflow_created" });
});

test("pages are read one or many; a page that is missing is noticed", () => {
  const page = (done: boolean, ...data: SvixEndpoint[]) => ({ data, done, iterator: "i" });
  const [one, two] = [endpointOf(), endpointOf({ id: "ep_2" })];
  expect(readEndpoints(JSON.stringify(page(true, one, two)))).toEqual([one, two]);
  expect(readEndpoints(JSON.stringify([page(false, one), page(true, two)]))).toEqual([one, two]);
  expect(readEndpoints(JSON.stringify([one, two]))).toEqual([one, two]);
  expect(() => readEndpoints(JSON.stringify(page(false, one)))).toThrow("done: false");
});

test("a migrated receiver verifies by Svix's library under the new secret, and a second run creates nothing", async () => {
  const service = await openService();
  const receiver = await openReceiver();
  onTestFinished(() => receiver.close());
  const postrider = new Postrider({ url: service.server.url, apiKey: service.key });
  const plans = [
    planOf(
      endpointOf({ url: `${receiver.origin}/hooks`, headers: { "x-tenant": "7" } }),
      new Map(),
    ),
    planOf(endpointOf({ id: "ep_2", url: "ftp://example.com/" }), new Map()),
  ];
  const told: string[] = [];
  const options = { tell: (line: string) => told.push(line) };
  const { migrated, refused } = await migrate(postrider, plans, options);
  expect({ migrated, refused }).toMatchObject({
    migrated: [{ svix_id: plans[0]?.svixId }],
    refused: 1,
  });
  expect(told.join("\n")).not.toContain("whsec_");

  await postrider.workflows.create({ name: "Patient intake" });
  await receiver.received(1);
  const [request] = receiver.requests;
  expect(request?.headers["x-tenant"]).toBe("7");
  const verified = new Webhook(migrated[0]?.secret ?? "").verify(
    request?.body ?? "",
    request?.headers as Record<string, string>,
  );
  expect(verified).toMatchObject({ action: "workflow_created" });

  const again = await migrate(postrider, plans.slice(0, 1), options);
  expect(again).toEqual({ migrated: [{ ...migrated[0], created: false }], refused: 0 });
  expect((await postrider.workflowWebhooks.list()).total).toBe(1);
});

test("the program only plans until it is told to create, and keeps the secrets where nobody else reads them", async () => {
  const service = await openService();
  const folder = mkdtempSync(path.join(tmpdir(), "postrider-svix-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const secrets = path.join(folder, "secrets.json");
  const postrider = new Postrider({ url: service.server.url, apiKey: service.key });
  const program = path.join(root, "examples/migrate-from-svix.ts");
  const runProgram = async (...args: string[]) => {
    const child = spawn(process.execPath, ["--import", "tsx", program, ...args], {
      cwd: root,
      env: {
        PATH: process.env.PATH,
        POSTRIDER_URL: service.server.url,
        POSTRIDER_API_KEY: service.key,
      },
    });
    child.stdin.end(JSON.stringify({ data: [endpointOf()], done: true, iterator: null }));
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk) => {
        output += chunk;
      });
    }
    const code = await new Promise((resolve) => child.once("close", resolve));
    return { code, output };
  };
  const dry = await runProgram();
  expect(dry).toMatchObject({ code: 0, output: expect.stringContaining("Dry run") });
  expect(await runProgram("--create")).toMatchObject({
    code: 1,
    output: expect.stringContaining("--secrets-to"),
  });
  expect((await postrider.workflowWebhooks.list()).total).toBe(0);

  const known = path.join(folder, "svix-secrets.json");
  const atSvix = encodeSecret(randomBytes(24));
  writeFileSync(known, JSON.stringify({ [endpointOf().id]: atSvix }));
  const done = await runProgram(
    ...["--create", "--disabled", "--secrets-from", known, "--secrets-to", secrets],
  );
  expect(done.output).toContain("keeps its secret");
  expect(done).toMatchObject({ code: 0, output: expect.stringContaining("1 created, 0 refused") });
  expect(done.output).not.toContain("whsec_");
  expect((await postrider.workflowWebhooks.list()).subscriptions).toMatchObject([
    { name: "Billing system", enabled: false },
  ]);
  expect(JSON.parse(readFileSync(secrets, "utf8"))).toMatchObject([{ secret: atSvix, kept: true }]);
  expect(statSync(secrets).mode & 0o777).toBe(0o600);
});
