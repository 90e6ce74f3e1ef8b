import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Postrider } from "@postrider/sdk";
import { encodeSecret } from "@postrider/sdk/sign";
import { expect, onTestFinished, test } from "vitest";
import { openReceiver } from "../support/http-receiver.ts";
import { createDatabase } from "../support/postgres.ts";
import { productionEnvironment, runCommand, startService } from "../support/process.ts";

test("the commands of a day: log in, create an endpoint, send, look, find out why, get it back", {
  timeout: 180_000,
}, async () => {
  const world = await openWorld();
  const { run, json, receiver } = world;

  const { stdout: loggedIn } = await run("login", "--url", world.url, "--key", world.apiKey);
  expect(loggedIn).toMatch(/^Logged in\.\n\nService +http:.+\n.*\nTeam +.+\nScopes +read, write/m);
  expect(statSync(path.join(world.directory, "postrider", "profile.json")).mode & 0o777).toBe(
    0o600,
  );

  const created = await run(
    "endpoints",
    "create",
    `${receiver.origin}/hook`,
    "--name",
    "Billing system",
    "--retries",
    "0",
  );
  expect(created.stdout).toMatch(
    /^Created\.\n\nEndpoint +Billing system \([0-9a-f]{24}\)\nContract +workflow webhook/,
  );
  expect((await run("endpoints", "list")).stdout).toMatch(
    /^STATE +ENDPOINT +.*\n● Idle +Billing system +workflow +http/,
  );
  const [endpoint] = (await json("endpoints", "list")).endpoints;
  // With a filter, an empty list is not an empty service.
  for (const [noun, plural = "", ...filter] of [
    ["endpoint", "endpoints", "--search", "nothing"],
    ["delivery", "deliveries", "--status", "failed"],
    ["run", "runs", "--status", "failed"],
    ["call", "calls", "--status", "ongoing"],
  ]) {
    const { stdout } = await run(plural, "list", ...filter);
    expect(stdout).toBe(`No ${noun} matches.\n\nSee all: postrider ${plural} list\n`);
  }
  expect((await run("deliveries", "list")).stdout).toBe(
    "No deliveries.\n\nSend a sample: postrider endpoints test <endpoint>\n",
  );

  expect((await run("endpoints", "test", "billing")).stdout).toMatch(
    /^● Delivered: workflow_created, answered 200 in \d+ ms\n/,
  );
  const triggered = await run("trigger", "workflow_run_completed", "--set", "end.output.total=12");
  expect(triggered.stdout).toMatch(/● Delivered +workflow_run_completed +Billing system +● +200/);
  const bodies = receiver.requests.map(({ body }) => JSON.parse(body.toString()));
  const completed = bodies.find(({ action }) => action === "workflow_run_completed");
  expect(completed.run.output.total).toBe(12);

  receiver.answerBy(() => ({ status: 503, body: '{"error":"\u001b[31mno room"}' }));
  const failing = await world.tryRun("endpoints", "test", "billing");
  expect(failing.code).toBe(1);
  expect(failing.stdout).toMatch(/^● Failed: workflow_created, answered 503/);
  // What a receiver answers cannot colour the terminal.
  expect(failing.stdout).toContain('{"error":"·[31mno room"}');

  const { stdout: failed } = await run("deliveries", "list", "--status", "failed", "--since", "1h");
  expect(failed).toMatch(
    /^STATUS +EVENT .*\n● Failed +workflow_created +Billing system +● +503 +now +[0-9a-f]{24}\n\n1 delivery\. Show one: postrider deliveries show [0-9a-f]{24}\n$/,
  );
  const { deliveries, next_cursor } = await json(
    "deliveries",
    "list",
    "--status",
    "failed",
    "--endpoint",
    endpoint.id,
  );
  expect({ count: deliveries.length, next_cursor }).toEqual({ count: 1, next_cursor: null });
  const [{ id }] = deliveries;
  const shown = await run("deliveries", "show", id.slice(-8));
  expect(shown.stdout).toMatch(
    /^● Failed +workflow_created → Billing system {2}\(a sample\)\n[\s\S]+\n1 +\d\d:\d\d:\d\d\.\d{3} +503 +\d+ ms/,
  );
  expect(await json("deliveries", "show", id)).toMatchObject({
    id,
    attempts: [{ number: 1, status_code: 503 }],
  });

  receiver.answerBy(() => 204);
  expect((await run("deliveries", "retry", id)).stdout).toMatch(
    /^● Delivered: workflow_created, answered 204/,
  );
  expect((await run("runs", "list")).stdout).toMatch(
    /● completed +Book an appointment \(triggered\) +triggered/,
  );
  expect((await json("calls", "list")).conversations).toEqual([]);

  expect((await run("endpoints", "disable", "Billing system")).stdout).toMatch(
    /^Billing system is disabled\. Nothing waits/,
  );
  expect((await json("endpoints", "show", "Billing system")).enabled).toBe(false);
  expect((await run("endpoints", "enable", "Billing system")).stdout).toMatch(/is enabled/);

  const key = await json("keys", "create", "--name", "ci", "--scope", "read", "--expires", "1d");
  expect(key).toMatchObject({ name: "ci", scopes: ["read"], expires_in_seconds: 86_400 });
  expect((await run("keys", "list", "--key", world.apiKey)).stdout).toMatch(/● Valid +ci +…/);
  expect((await run("keys", "revoke", "ci", "--yes")).stdout).toBe("ci is revoked.\n");
});

test("replay says what it will do, goes on after Ctrl-C, and is come back to", {
  timeout: 120_000,
}, async () => {
  const world = await openWorld({ loggedIn: true });
  const { run, json, receiver } = world;
  await world.subscribe("Billing system");
  receiver.answerBy(() => 503);
  for (let n = 1; n <= 2; n++) await world.tryRun("endpoints", "test", "billing");

  const what = ["replay", "--endpoint", "billing"];
  expect((await run(...what, "--dry-run")).stdout).toMatch(
    /^2 failed deliveries, the oldest from \d\d:\d\d:\d\d\.\d{3}\. A replay delivers them at 50 a second \(about 1 s\)\.\n$/,
  );
  const unasked = await world.tryRun(...what);
  expect(unasked.code).toBe(2);
  expect(unasked.stderr).toMatch(
    /^postrider: 2 failed deliveries.+nothing was done; type the same with --yes\.\n$/,
  );
  expect((await world.postrider.replays.list()).replays).toEqual([]);

  const open = receiver.hold();
  const left = await world.tryRunWhile([...what, "--yes"], async (child) => {
    await receiver.received(3);
    child.kill("SIGINT");
  });
  expect(left.code).toBe(0);
  const [, id = ""] = /postrider replay --resume ([0-9a-f]{24})\. /.exec(left.stdout) ?? [];
  expect((await world.postrider.replays.get(id)).state).toBe("running");
  open();
  receiver.answerBy(() => 204);
  // The two that were held were answered as the receiver answered before.
  const resumed = await world.tryRun("replay", "--resume", id, "--json");
  expect(JSON.parse(resumed.stdout)).toMatchObject({ id, state: "done", matching: 2, replayed: 2 });
  expect(JSON.parse(resumed.stdout).failed).toBe(resumed.code === 1 ? 2 : 0);

  const again = await run(...what, "--only", "all", "--yes");
  expect(again.stdout).toMatch(/^2 deliveries, the oldest from .+\.\n2 delivered\.\n$/);
  expect(await json(...what, "--dry-run")).toMatchObject({ matching: 0 });
});

test("tail prints each change as one JSON document per line, and ends with 0 at Ctrl-C", {
  timeout: 60_000,
}, async () => {
  const world = await openWorld({ loggedIn: true });
  await world.subscribe("Billing system");
  const { code, stdout } = await world.tryRunWhile(
    ["deliveries", "tail", "--json"],
    async (child) => {
      let text = "";
      child.stderr?.on("data", (chunk) => {
        text += chunk;
      });
      await expect.poll(() => text, { timeout: 20_000 }).toContain("watching deliveries");
      let told = "";
      child.stdout?.on("data", (chunk) => {
        told += chunk;
      });
      // The stream tells what happens once it is open, which nobody can see from here: sent until something is told.
      const sendUntilTold = async () => {
        if (told === "") await world.run("endpoints", "test", "billing");
        return told;
      };
      // The first line may say that the delivery is pending.
      await expect.poll(sendUntilTold, { timeout: 30_000 }).toContain('"status":"delivered"');
      child.kill("SIGINT");
    },
  );
  expect(code).toBe(0);
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(lines).toContainEqual(
    expect.objectContaining({ event_type: "workflow_created", status: "delivered" }),
  );
});

test("tail says once that its connection is lost and once that it is back, on stderr alone", {
  timeout: 120_000,
}, async () => {
  const world = await openWorld({ loggedIn: true });
  await world.subscribe("Billing system");
  const { code, stdout, stderr } = await world.tryRunWhile(
    ["deliveries", "tail", "--json"],
    async (child) => {
      let [said, told] = ["", ""];
      child.stderr?.on("data", (chunk) => {
        said += chunk;
      });
      child.stdout?.on("data", (chunk) => {
        told += chunk;
      });
      const sendUntilTold = async () => {
        if (told === "") await world.run("endpoints", "test", "billing");
        return told;
      };
      await expect.poll(() => said, { timeout: 20_000 }).toContain("watching deliveries");
      await expect.poll(sendUntilTold, { timeout: 30_000 }).toContain("workflow_created");
      await world.restart(() =>
        expect.poll(() => said, { timeout: 20_000 }).toContain("the connection is lost"),
      );
      await expect.poll(() => said, { timeout: 40_000 }).toContain("the connection is back");
      child.kill("SIGINT");
    },
  );
  expect(code).toBe(0);
  expect(stderr.match(/postrider: the connection is lost \(.+\); trying again\n/g)).toHaveLength(1);
  expect(stderr.match(/postrider: the connection is back\n/g)).toHaveLength(1);
  for (const line of stdout.trim().split("\n")) expect(() => JSON.parse(line)).not.toThrow();
});

test("an endpoint can be created with the signing secret that its receiver knows", {
  timeout: 60_000,
}, async () => {
  const world = await openWorld({ loggedIn: true });
  const secret = encodeSecret(randomBytes(24));
  const create = (...more: string[]) =>
    world.tryRun("endpoints", "create", `${world.receiver.origin}/hook`, ...more);
  const made = await create("--name", "Moved", "--signing-secret", secret);
  expect(made).toMatchObject({ code: 0, stderr: "" });
  expect(made.stdout).not.toContain(secret);
  const { signing_secret } = await world.json("endpoints", "show", "moved", "--secret");
  expect(signing_secret.secret).toBe(secret);
  const wrong = await create("--signing-secret", "whsec_short");
  expect(wrong.code).toBe(1);
  expect(wrong.stderr).toContain("whsec_ and base64 of 24 to 64 bytes");
  const foreign = await create("--contract", "assistant", "--signing-secret", secret);
  expect(foreign).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--signing-secret is for"),
  });
});

test("verify says of a request that arrived what holds and what does not", {
  timeout: 60_000,
}, async () => {
  const world = await openWorld({ loggedIn: true });
  await world.subscribe("Billing system");
  await world.run("endpoints", "test", "billing");
  const [request] = world.receiver.requests;
  const { signing_secret } = await world.json("endpoints", "show", "billing", "--secret");
  const keep = (body: string | Buffer) => {
    const head = Object.entries(request?.headers ?? {}).map(([name, value]) => `${name}: ${value}`);
    const file = path.join(world.directory, "request.http");
    writeFileSync(file, `POST /hook HTTP/1.1\r\n${head.join("\r\n")}\r\n\r\n${body}`);
    return file;
  };
  const body = request?.body ?? Buffer.alloc(0);
  const env = { POSTRIDER_WEBHOOK_SECRET: signing_secret.secret };
  const right = await world.tryRunWith(env, "verify", keep(body));
  expect(right.code).toBe(0);
  expect(right.stdout).toMatch(
    /^signature {3}matches\n {2}timestamp {3}holds \(\d+ m?s old\)\n {2}body {8}\d+ bytes, valid JSON\n/,
  );
  const pretty = await world.tryRunWith(
    env,
    "verify",
    keep(JSON.stringify(JSON.parse(body.toString()), null, 2)),
  );
  expect(pretty.code).toBe(1);
  expect(pretty.stdout).toMatch(
    /^signature {3}does not match\n[\s\S]+pretty-printed.+→ verify the raw body/,
  );
  const told = await world.tryRunWith(env, "verify", "--json", keep(body));
  expect(JSON.parse(told.stdout)).toMatchObject({ holds: true });
  expect((await world.tryRun("verify", keep(body))).stderr).toMatch(
    /There is no signing secret.+POSTRIDER_WEBHOOK_SECRET/,
  );
});

test("an error is one sentence on standard error, with what to type next", {
  timeout: 120_000,
}, async () => {
  const world = await openWorld();
  const { key: reader } = await world.postrider.apiKeys.create({
    name: "reader",
    scopes: ["read"],
  });
  const at = ["--url", world.url, "--key"];
  for (const name of ["simulate", "simulate two"]) await world.subscribe(name);
  const refusals = [
    {
      args: ["endpoints", "list"],
      code: 2,
      says: /no API key for http:\/\/127\.0\.0\.1:8080.+run: postrider login/,
    },
    {
      args: ["endpoints", "list", ...at, "prk_wrong"],
      code: 1,
      says: /does not accept the API key \(--key\)\. .+run: postrider login --url/,
    },
    {
      args: ["endpoints", "list", "--url", "http://127.0.0.1:1", "--key", "prk_a"],
      code: 1,
      says: /No Postrider answers at http:\/\/127\.0\.0\.1:1 \(.+\)\. .+run: npx postrider dev/,
    },
    {
      args: ["endpoints", "disable", "simulate two", ...at, reader],
      code: 1,
      says: /needs an API key with the scope `write`.+postrider keys create/,
    },
    {
      args: ["endpoints", "show", "simulat", ...at, reader],
      code: 1,
      says: /could be 2 endpoints\. .+ids instead:\n {2}[0-9a-f]{24} {2}simulate/,
    },
    {
      args: ["endpoints", "show", "nothing", ...at, reader],
      code: 1,
      says: /no endpoint "nothing"\. .+run: postrider endpoints list/,
    },
    {
      args: ["deliveries", "show", "0".repeat(24), ...at, reader],
      code: 1,
      says: /There is no delivery 0{24}\. .+run: postrider deliveries list/,
    },
    {
      args: ["deliveries", "list", "--since", "never", ...at, reader],
      code: 2,
      says: /a time is 30m, 1h or 2d ago[\s\S]+postrider deliveries list --help/,
    },
    {
      args: ["deliveries", "list", "--status", "lost", ...at, reader],
      code: 2,
      says: /Allowed choices are pending/,
    },
    { args: ["login", ...at, "prk_wrong"], code: 1, says: /does not accept the API key/ },
  ];
  await Promise.all(
    refusals.map(async ({ args, code, says }) => {
      const ended = await world.tryRun(...args);
      expect({ args, code: ended.code, stdout: ended.stdout }).toEqual({ args, code, stdout: "" });
      expect(ended.stderr).toMatch(says);
      expect(ended.stderr).not.toMatch(/\n {4}at /);
    }),
  );
});

/** A service, a receiver, and a directory in which nobody has logged in yet. */
async function openWorld({ loggedIn = false } = {}) {
  const database = await createDatabase();
  onTestFinished(() => database.drop());
  const settings = productionEnvironment(database.url);
  const apiKey = settings.POSTRIDER_API_KEY ?? "";
  const service = await startService(["serve"], settings);
  const receiver = await openReceiver();
  onTestFinished(() => receiver.close());
  const directory = mkdtempSync(path.join(tmpdir(), "postrider-cli-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const env: Record<string, string> = {
    XDG_CONFIG_HOME: directory,
    ...(loggedIn && { POSTRIDER_URL: service.url, POSTRIDER_API_KEY: apiKey }),
  };
  const postrider = new Postrider({ url: service.url, apiKey });
  const tryRunWith = (more: Record<string, string>, ...args: string[]) =>
    runCommand(args, { ...env, ...more }, directory);
  const tryRun = (...args: string[]) => tryRunWith({}, ...args);
  const run = async (...args: string[]) => {
    const ended = await tryRun(...args);
    expect({ args, code: ended.code, stderr: ended.stderr }).toEqual({ args, code: 0, stderr: "" });
    return ended;
  };
  return {
    url: service.url,
    apiKey,
    postrider,
    receiver,
    directory,
    tryRun,
    tryRunWith,
    run,
    /** Kills the service, does something, and starts the service again at the same port. */
    restart: async (between: () => Promise<void>) => {
      await service.kill9();
      await between();
      await startService(["serve"], { ...settings, PORT: new URL(service.url).port });
    },
    tryRunWhile: (args: readonly string[], onStart: (child: ChildProcess) => Promise<void>) => {
      let doing = Promise.resolve();
      const ended = runCommand(args, env, directory, (child) => {
        doing = onStart(child).catch((error) => {
          child.kill("SIGKILL");
          throw error;
        });
      });
      return ended.then(async (command) => {
        await doing;
        return command;
      });
    },
    /** The one document that a command prints with `--json`. */
    // biome-ignore lint/suspicious/noExplicitAny: a test looks into documents of every shape.
    json: async (...args: string[]): Promise<any> =>
      JSON.parse((await run(...args, "--json")).stdout),
    subscribe: (name: string) =>
      postrider.workflowWebhooks.create({
        name,
        url: `${receiver.origin}/hook`,
        actions: ["workflow_created"],
        max_retries: 0,
      }),
  };
}
