import { expect, test } from "vitest";
import { openSocket, type SocketTarget } from "../../src/dispatcher/sockets.ts";
import { until } from "../support/house.ts";
import { openService, type Service } from "../support/running-server.ts";
import {
  type Operation,
  type ScriptedReceiver,
  startReceiver,
  testAuthority,
} from "../support/scripted-receiver.ts";

const hooks = "https://a.example.com/in";
const answer = (status: string): Operation[] => [
  { op: "read_request" },
  { op: "send", data: `HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n` },
  { op: "fin" },
];

type World = {
  service: Service;
  receiver: ScriptedReceiver;
  /** What DNS says from now on. */
  answers: { now: readonly string[] };
  /** The addresses that sockets were opened to. */
  connected: string[];
  /** Makes a webhook, workflow and run under a URL, and gives the webhook's id. */
  subscribe(url: string, headers?: Record<string, string>): Promise<string>;
  report(): Promise<void>;
  /** Every attempt so far, oldest first, once there are so many. */
  attempts(count: number): Promise<{ error_code: string | null; status_code: number | null }[]>;
  /** Lets retries fall due. */
  passTime(): Promise<void>;
};

/** A service in production's rules, whose DNS and sockets are the test's. */
async function open(script: readonly Operation[] = answer("500 X")): Promise<World> {
  const receiver = await startReceiver(script, "valid");
  const answers = { now: ["93.184.216.34"] as readonly string[] };
  const connected: string[] = [];
  const service = await openService(
    {
      tlsCa: testAuthority,
      egressAllow: [],
      resolve: async () => answers.now,
      connectSocket: (target: SocketTarget) => {
        connected.push(target.address);
        return openSocket({ ...target, address: "127.0.0.1", port: receiver.port });
      },
    },
    { POSTRIDER_ALLOW_HTTP: "0", POSTRIDER_EGRESS_ALLOW: "100.64.0.0/16" },
  );
  const { sql } = service.server.database;
  const path = "/workflows/v1";
  return {
    service,
    receiver,
    answers,
    connected,
    async subscribe(url, headers) {
      const made = await service.call("POST", headers ? "/webhooks" : `${path}/workflow-webhooks`, {
        name: "a webhook",
        url,
        ...(headers
          ? { headers, events: ["workflow.started"] }
          : { actions: ["workflow_run_started"], max_retries: 10, retry_backoff_seconds: 300 }),
      });
      expect([made.status, made.body?.detail]).toEqual([201, undefined]);
      return made.body.id;
    },
    async report() {
      const { body } = await service.call("POST", `${path}/workflows`, { name: "w" });
      const started = await service.call("POST", `${path}/workflow-runs`, {
        workflow_id: body.workflow.id,
        trigger: "manual",
      });
      expect(started.status).toBe(201);
    },
    async attempts(count) {
      const list = () => sql<{ error_code: string | null; status_code: number | null }>`
        select error_code, status_code from attempts order by created_at, number`;
      await until(`there are ${count} attempts`, async () => (await list()).length >= count);
      return await list();
    },
    async passTime() {
      await sql`update deliveries set due_at = now() where finished_at is null`;
      service.server.dispatcher.wake();
    },
  };
}

test("an answer that turns private between two attempts is refused at the second, and only there", async () => {
  const world = await open();
  await world.subscribe(hooks);
  await world.report();
  await world.attempts(1);
  const answers = [
    ["10.0.0.1"],
    ["93.184.216.34", "127.0.0.1"],
    ["::ffff:93.184.216.34"],
    ["2606:4700::1111", "fd00::1"],
    ["169.254.169.254"],
    ["0.0.0.0"],
    ["64:ff9b::5db8:d822"],
  ];
  for (const [index, now] of answers.entries()) {
    world.answers.now = now;
    await world.passTime();
    const attempts = await world.attempts(2 + index);
    expect(attempts.at(-1), now.join()).toMatchObject({ error_code: "blocked_address" });
  }
  expect(world.connected).toEqual(["93.184.216.34"]);
  world.answers.now = ["93.184.216.35"];
  await world.passTime();
  const attempts = await world.attempts(2 + answers.length);
  expect(attempts.at(-1)).toMatchObject({ status_code: 500 });
  expect(world.connected).toEqual(["93.184.216.34", "93.184.216.35"]);
  expect(world.receiver.serverNames).toEqual(["a.example.com", "a.example.com"]);
});

test("the stored URL and headers are held to the rules of now at every attempt", async () => {
  const world = await open();
  const { sql } = world.service.server.database;
  const id = await world.subscribe(hooks);
  await world.report();
  await world.attempts(1);
  const refused = [
    "http://a.example.com/in",
    "https://10.0.0.1/",
    "https://[::ffff:10.0.0.1]/",
    "https://100.64.0.1:22/",
    "https://user@a.example.com/",
    "https://metadata.google.internal/",
    "https://localhost/",
    "gopher://a.example.com/",
    "https://a.example.com/\r\nx: y",
    "no URL",
  ];
  for (const [index, url] of refused.entries()) {
    await sql`update subscriptions set url = ${url} where id = ${id}`;
    await sql`select pg_notify('postrider', ${JSON.stringify({ subscription: id })})`;
    // The notification and the retry may come in any order: the cache is 5 s old at most.
    await until("the change is known", async () => {
      await world.passTime();
      const attempts = await world.attempts(2 + index);
      return attempts.filter(({ error_code }) => error_code === "blocked_url").length > index;
    });
  }
  expect(new Set(world.connected)).toEqual(new Set(["93.184.216.34"]));
});

test("a test event and a sample take the same road: resolved, vetted and pinned", async () => {
  const world = await open();
  world.answers.now = ["192.168.1.1"];
  const workflowWebhook = await world.subscribe(hooks);
  const webhook = await world.subscribe(hooks, { "x-a": "b" });
  const samples = [
    world.service.call("POST", `/workflows/v1/workflow-webhooks/${workflowWebhook}/test`, {
      action: "workflow_run_completed",
    }),
    world.service.call("POST", `/webhooks/${webhook}/test`),
  ];
  for (const sample of await Promise.all(samples)) expect(sample.status).toBe(202);
  for (const { error_code } of await world.attempts(2)) expect(error_code).toBe("blocked_address");
  expect(world.connected).toEqual([]);
});

test("an operator's range opens that range, and nothing that hides in it or beside it", async () => {
  const refusals = [
    ["https://100.65.0.1/", "url_blocked_address"],
    ["https://100.100.100.200/", "url_blocked_address"],
    ["https://[64:ff9b::6440:1]/", "url_blocked_address"],
    ["https://localhost/", "url_host_forbidden"],
  ] as const;
  const world = await open(answer("200 OK"));
  await world.subscribe("https://100.64.0.1/in");
  for (const [url, code] of refusals) {
    const answered = await world.service.call("POST", "/workflows/v1/workflow-webhooks", {
      name: "n",
      url,
      actions: ["workflow_run_started"],
    });
    expect([url, answered.status, answered.body.errors?.[0].type]).toEqual([url, 422, code]);
  }
});
