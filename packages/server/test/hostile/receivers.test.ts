import { setTimeout as pause } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { type AttemptRow, type House, openHouse, until } from "../support/house.ts";
import {
  type Operation,
  type ScriptedReceiver,
  startReceiver,
  type TlsScenario,
  testAuthority,
} from "../support/scripted-receiver.ts";
import { type Row, rowsOf } from "./rows.ts";

type Hostile = {
  row: Row;
  receiver: ScriptedReceiver;
  subscriptionId: string;
};

const answer = (head: string): Operation => ({ op: "send", data: `HTTP/1.1 ${head}\r\n\r\n` });
const readRequest: Operation = { op: "read_request" };
const ok = [readRequest, answer("200 OK\r\nContent-Length: 0")];

/** What the corpus has no row for: the same promises, kept to other scripts. */
const siblings: Row[] = [
  ["endless head", [readRequest, { op: "send", data: "HTTP/1.1 200 OK\r\n" }, flood("X: y\r\n")]],
  ["endless interim responses", [readRequest, flood("HTTP/1.1 103 E\r\n\r\n")]],
  ["a status of four digits", [readRequest, answer("2000 OK\r\nContent-Length: 0"), { op: "fin" }]],
  ["a status of letters", [readRequest, answer("2OO OK\r\nContent-Length: 0"), { op: "fin" }]],
  ["HTTP/2 without TLS", [readRequest, { op: "send", data: "\0\0\x12\x04\0\0\0\0\0" }]],
  ["a negative length", [readRequest, answer("200 OK\r\nContent-Length: -1"), { op: "fin" }]],
  ["two lengths", [readRequest, answer("200 OK\r\nContent-Length: 1\r\nContent-Length: 2")]],
  ["a TLS alert in plain text", [{ op: "send", data: "\x15\x03\x03\x00\x02\x02\x28" }]],
  ["silence after half a head", [readRequest, { op: "send", data: "HTTP/1.1 2" }, { op: "hold" }]],
].map(([name, script]) =>
  sibling(name as string, { script }, { outcome: "failed", max_ms: 1_750 }),
);

const tlsSiblings: Row[] = (
  [
    ["tls1.0_only", "failed"],
    ["wrong_host", "failed"],
    ["valid", "delivered"],
  ] satisfies [TlsScenario, string][]
).map(([tls, outcome]) =>
  sibling(
    tls,
    { tls },
    {
      outcome,
      ...(outcome === "failed"
        ? { error_code: "tls_error", request_bytes_received_by_server: 0 }
        : {}),
    },
  ),
);

function flood(data: string): Operation {
  return { op: "flood", data };
}

function sibling(name: string, input: object, wanted: object): Row {
  return {
    id: `sibling: ${name}`,
    area: "receiver",
    why: name,
    input: { name, timeout_seconds: 1, ...input },
    expect: wanted,
  };
}

/** Sets a receiver up that plays a row, and a subscription of its own. */
async function stage(house: House, row: Row): Promise<Hostile> {
  const { input } = row;
  const plaintext: Operation[] = [answer("400 Bad Request")];
  const script = input.script ?? (input.tls === "plaintext" ? plaintext : ok);
  const receiver = await startReceiver(script, input.tls);
  onTestFinished(() => receiver.close());
  const { id } = await house.subscribe({
    receiver,
    events: [input.body_bytes ? "workflow_run_completed" : "workflow_run_started"],
    timeoutSeconds: 2,
    maxRetries: 0,
  });
  return { row, receiver, subscriptionId: id };
}

/** Holds what was written of an attempt against what the row promises. */
function judge({ row, receiver }: Hostile, attempt: AttemptRow | undefined) {
  const wanted = row.expect;
  const about = `${row.id} ${row.input.name}: ${JSON.stringify(attempt)}`;
  if (!attempt) throw new Error(`${row.id} was not attempted`);
  const outcome = attempt.success ? "delivered" : "failed";
  expect(wanted.outcome_any ?? [wanted.outcome], about).toContain(outcome);
  const codes = wanted.error_code_any ?? (wanted.error_code ? [wanted.error_code] : []);
  if (codes.length > 0) expect(codes.map(plain), about).toContain(plain(attempt.error_code));
  if (wanted.status_code) expect(attempt.status_code, about).toBe(wanted.status_code);
  expect(Buffer.byteLength(attempt.response_body ?? ""), about).toBeLessThanOrEqual(16_384);
  expect(attempt.response_body ?? "", about).not.toContain("\0");
  if (wanted.body_note === "truncated") expect(attempt.response_truncated, about).toBe(true);
  // Sixty of them share a process with their receivers; send.test.ts measures each alone.
  expect(attempt.latency_ms, about).toBeLessThanOrEqual((wanted.max_ms ?? 1_750) + 2_000);
  // Where nobody speaks TLS, its first message is what arrives: no part of the request.
  const nothing = wanted.request_bytes_received_by_server === 0 && row.input.tls !== "plaintext";
  if (nothing) expect(receiver.receivedBytes(), about).toBe(0);
  if (row.input.tls === "plaintext") expect(receiver.requests, about).toEqual([]);
  expect(receiver.requests.join(""), about).not.toMatch(/^cookie:/im);
}

/** Under load a reset can be noticed as an end. */
const plain = (code: string | null) => (code === "connection_reset" ? "connection_closed" : code);

/** A team of its own whose receiver is well, and how long its deliveries take. */
async function openHealthyTeam(house: House) {
  const teamId = await house.newTeam();
  const receiver = await house.openReceiver();
  await house.subscribe({ teamId, receiver, events: ["workflow_run_started"] });
  const workflowId = await house.workflow({ teamId });
  const latencies: number[] = [];
  const deliver = async () => {
    const count = receiver.requests.length;
    const startedMs = performance.now();
    await house.startRun(workflowId, { teamId });
    await receiver.received(count + 1);
    latencies.push(performance.now() - startedMs);
  };
  return { latencies, deliver };
}

test("every hostile receiver at once, twice: each outcome is as promised, and another team's deliveries do not notice", async () => {
  const house = await openHouse({
    concurrency: 128,
    sender: { tlsCa: testAuthority },
  });
  const rows = [...rowsOf("receiver").filter(({ input }) => !input.repeat && !input.parallel)];
  const staged: Hostile[] = [];
  for (const row of [...rows, ...siblings, ...tlsSiblings]) staged.push(await stage(house, row));
  const healthy = await openHealthyTeam(house);
  const workflowId = await house.workflow();

  for (const round of [1, 2]) {
    // A script is played once on a connection: the second round begins on new ones.
    for (const { receiver } of staged) for (const socket of receiver.sockets) socket.destroy();
    await until("they are closed", () =>
      staged.every(({ receiver }) => receiver.openCount() === 0),
    );
    const startedMs = performance.now();
    const runId = await house.startRun(workflowId);
    await house.endRun(runId, { output: JSON.stringify("x".repeat(262_144)) as never });
    let settled = false;
    const whole = house.settled().then(() => {
      settled = true;
    });
    while (!settled) {
      await healthy.deliver();
      await pause(20);
    }
    await whole;
    // The slowest has one second, and its connection is closed at once.
    expect(performance.now() - startedMs).toBeLessThan(10_000);
    for (const hostile of staged) {
      const deliveries = (await house.deliveries()).filter(
        ({ subscription_id }) => subscription_id === hostile.subscriptionId,
      );
      expect(deliveries, hostile.row.id).toHaveLength(round);
      const attempts = await house.attempts(deliveries.at(-1)?.id);
      expect(attempts, hostile.row.id).toHaveLength(1);
      judge(hostile, attempts[0]);
    }
  }
  expect(healthy.latencies.length).toBeGreaterThan(20);
  const p95 = healthy.latencies.toSorted((a, b) => a - b)[
    Math.floor(healthy.latencies.length * 0.95)
  ];
  expect(p95).toBeLessThan(1_000);
  expect(house.errors).toEqual([]);
  expect(house.leasesLost).toEqual([]);
  const overTls = staged.find(({ row }) => row.input.tls === "valid");
  expect(new Set(overTls?.receiver.serverNames)).toEqual(new Set([false]));
});

test("redirects are never followed, wherever they lead, and are retried like any other failure", async () => {
  const house = await openHouse();
  const elsewhere = await house.openReceiver();
  const staged = await Promise.all(
    rowsOf("redirect").map(async (row) => {
      const { status, location } = row.input;
      const receiver = await house.openReceiver();
      const to = location?.startsWith("https://same-host")
        ? `${receiver.origin}/other`
        : `${elsewhere.origin}/`;
      receiver.answerBy(() => ({ status, headers: location ? { location: to } : {} }));
      const { id } = await house.subscribe({ receiver, events: ["workflow_created"] });
      return { row, receiver, id };
    }),
  );
  await house.workflow();
  await house.settled();
  for (const { row, receiver, id } of staged) {
    const delivery = (await house.deliveries()).find((one) => one.subscription_id === id);
    const [attempt] = await house.attempts(delivery?.id);
    expect(attempt, row.id).toMatchObject({
      success: false,
      error_code: "redirect",
      status_code: row.input.status,
      will_retry: true,
    });
    expect(receiver.requests, row.id).toHaveLength(1);
  }
  expect(elsewhere.requests).toEqual([]);
});

test("floods and bombs, one after the other, do not grow the process", async () => {
  const house = await openHouse({ concurrency: 64 });
  const bomb = rowsOf("receiver").find(({ input }) => input.name === "gzip-bomb");
  const body = [readRequest, answer("200 OK"), flood("abcdefgh")];
  const scripts: Operation[][] = [
    bomb?.input.script,
    body,
    [readRequest, flood("HTTP/1.1 102 P\r\n\r\n")],
    [readRequest, { op: "send", data: "HTTP/1.1 200 OK\r\n" }, flood("A: b\r\n")],
  ];
  for (const script of scripts) {
    await stage(house, sibling("flood", { script }, {}));
  }
  const workflowId = await house.workflow();
  await house.startRun(workflowId);
  await house.settled();
  const before = process.memoryUsage();
  for (let n = 0; n < 5; n += 1) await house.startRun(workflowId);
  await house.settled();
  const after = process.memoryUsage();
  expect((after.rss - before.rss) / 2 ** 20).toBeLessThan(100);
  expect((after.arrayBuffers - before.arrayBuffers) / 2 ** 20).toBeLessThan(50);
  const attempts = await house.attempts();
  expect(attempts).toHaveLength(24);
  for (const { response_body } of attempts) {
    expect(Buffer.byteLength(response_body ?? "")).toBeLessThanOrEqual(16_384);
  }
});

test("two hundred hanging deliveries of one team leave another team's latency and few sockets behind", async () => {
  const house = await openHouse({ concurrency: 64, subscriptionConcurrency: 64 });
  const hanging = await stage(house, sibling("half-open", { script: [{ op: "hold" }] }, {}));
  const healthy = await openHealthyTeam(house);
  const workflowId = await house.workflow();
  await Promise.all(Array.from({ length: 200 }, () => house.startRun(workflowId)));
  await until("it hangs", () => hanging.receiver.openCount() > 0);
  for (let n = 0; n < 40; n += 1) await healthy.deliver();
  const p95 = healthy.latencies.toSorted((a, b) => a - b)[38];
  expect(p95).toBeLessThan(1_000);
  await house.database.sql`
    update subscriptions set enabled = false where id = ${hanging.subscriptionId}`;
  house.forgetTargets();
  await until("its sockets are closed", () => hanging.receiver.openCount() <= 10, 3_000);
});
