import { type AddressInfo, connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { openFactsApi } from "../support/facts.ts";
import { type Row, rowsOf } from "./rows.ts";

const valid = {
  name: "Orders",
  url: "https://hooks.example.com/in",
  actions: ["workflow_run_completed"],
};

/** The API on a port, to be spoken to byte by byte. */
async function open() {
  const api = await openFactsApi();
  onTestFinished(() => api.close());
  await api.app.listen({ port: 0, host: "127.0.0.1" });
  const { port } = api.app.server.address() as AddressInfo;
  /** Opens a connection; `answer` grows while it lasts. */
  const dial = () => {
    const state = { answer: "", open: true, socket: undefined as unknown as Socket };
    state.socket = connect(port, "127.0.0.1");
    state.socket.on("data", (data) => {
      state.answer += data.toString("latin1");
    });
    state.socket.on("error", () => {});
    state.socket.on("close", () => {
      state.open = false;
    });
    onTestFinished(() => {
      state.socket.destroy();
    });
    return state;
  };
  const exchange = async (bytes: string | Buffer) => {
    const connection = dial();
    connection.socket.write(bytes);
    await expect.poll(() => isWhole(connection), { timeout: 8_000, interval: 5 }).toBe(true);
    connection.socket.destroy();
    return connection.answer;
  };
  /** The head of a report that would be accepted; further lines on top. */
  const head = (...lines: string[]) =>
    [
      "POST /v1/facts HTTP/1.1",
      `authorization: Bearer ${api.key}`,
      "content-type: application/json",
      ...lines,
      "\r\n",
    ].join("\r\n");
  return { api, dial, exchange, head };
}

/** Says whether a whole answer has come, or the end. */
function isWhole({ answer, open }: { answer: string; open: boolean }): boolean {
  if (!open) return true;
  const [, length] = /\r\ncontent-length: (\d+)/i.exec(answer) ?? [];
  const end = answer.indexOf("\r\n\r\n");
  return end >= 0 && length !== undefined && answer.length >= end + 4 + Number(length);
}

/** Holds that it was answered with a problem of this status, or cut off without a word. */
function expectRefusal(answer: string, about: string, statuses: number[] = [400]) {
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]);
  expect(statuses, `${about}: ${answer.slice(0, 300)}`).toContain(status);
  expect(answer, about).toContain("application/problem+json");
  expect(answer, about).toContain("request_id");
}

const noFacts = '{"facts":[]}';
const body = '{"facts":[{"type":"workflow.created","data":{"name":"n"}}]}';

test.each(rowsOf("url: no text"))("$id: a URL that is no text ($why)", async ({ input }) => {
  const { api } = await open();
  for (const [path, given] of [
    ["/workflows/v1/workflow-webhooks", valid],
    ["/webhooks", { name: "O", url: valid.url, events: ["workflow.completed"] }],
  ] as const) {
    const answer = await api.call("POST", path, { body: { ...given, url: input.url } });
    expect(answer.status).toBe(422);
    expect(answer.headers["content-type"]).toContain("application/problem+json");
    expect(answer.body.errors[0].loc).toEqual(["body", "url"]);
  }
});

test.each(rowsOf("api: history"))(
  "$id: the history asked for with $input.query",
  async (row: Row) => {
    const { api } = await open();
    const answer = await api.call(
      "GET",
      `/workflows/v1/workflow-webhooks/events?${row.input.query}`,
    );
    expect(row.expect.status_any).toContain(answer.status);
  },
);

test("ingest-060: a batch of 1,001 is refused as a whole, ingest-061: and nobody reads facts with GET", async () => {
  const { api } = await open();
  const facts = Array.from({ length: 1_001 }, () => ({ type: "run.started", data: {} }));
  const answer = await api.call("POST", "/v1/facts", { body: { facts } });
  expect(answer.status).toBe(422);
  expect(answer.body.errors).toHaveLength(1);
  const read = await api.call("GET", "/v1/facts");
  expect([read.status, read.headers.allow]).toEqual([405, "POST, OPTIONS"]);
});

test("ingest-028: a body that drips is waited for, up to a limit, and then told so", async () => {
  const { api, dial, head } = await open();
  expect(api.app.server).toMatchObject({ requestTimeout: 30_000, headersTimeout: 15_000 });
  const drip = async (connection: ReturnType<typeof dial>, bytes: string, everyMs: number) => {
    for (const byte of bytes) {
      if (connection.answer !== "" || !connection.open) return;
      connection.socket.write(byte);
      await pause(everyMs);
    }
  };
  const patient = dial();
  patient.socket.write(head("host: x", `content-length: ${body.length}`));
  await drip(patient, body, 5);
  await expect.poll(() => patient.answer).toMatch(/^HTTP\/1\.1 200 /);

  // The same, in a tenth of the time.
  Object.assign(api.app.server, { requestTimeout: 1_500, headersTimeout: 1_000 });
  const slowBody = dial();
  slowBody.socket.write(head("host: x", "content-length: 100000"));
  const slowHead = dial();
  const silent = dial();
  await Promise.all([
    drip(slowBody, "{".padEnd(4_000), 50),
    drip(slowHead, `GET / HTTP/1.1\r\nx: ${"y".repeat(4_000)}`, 50),
  ]);
  for (const [name, { answer }] of Object.entries({ slowBody, slowHead })) {
    expectRefusal(answer, name, [408]);
    expect(answer, name).toContain('"code":"request_timeout"');
  }
  silent.socket.destroy();
  const healthy = await api.call("GET", "/livez", { key: null });
  expect(healthy.status).toBe(200);
});

test("a request without a Host, with two of them, or that expects the impossible gets a problem", async () => {
  const { exchange, head } = await open();
  const length = `content-length: ${noFacts.length}`;
  const wrong = {
    "no host": head(length) + noFacts,
    "no host, no route": "GET /nowhere HTTP/1.1\r\n\r\n",
    "two hosts": head("host: a", "Host: b", length) + noFacts,
    "the same host twice": head("host: a", "host: a", length) + noFacts,
    "an unknown expectation": head("host: a", "expect: 200-ok", length) + noFacts,
    "an empty expectation": head("host: a", "expect:", length) + noFacts,
  };
  for (const [what, bytes] of Object.entries(wrong)) {
    const answer = await exchange(bytes);
    expectRefusal(answer, what);
    expect(answer, what).toContain('"code":"malformed_request"');
  }
  const old = await exchange("GET /livez HTTP/1.0\r\n\r\n");
  expect(old).toMatch(/^HTTP\/1\.1 200 /);
  const continued = await exchange(head("host: a", "expect: 100-continue", length) + noFacts);
  expect(continued).toMatch(/HTTP\/1\.1 (422|200) /);
});

test("a request that two readers could cut in two places is refused, and what follows it is never run", async () => {
  const { api, exchange, head } = await open();
  const smuggled = `POST /v1/facts HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${api.key}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  const chunked = `${noFacts.length.toString(16)}\r\n${noFacts}\r\n0\r\n\r\n`;
  const ambiguous: [string[], string][] = [
    [["content-length: 5", "transfer-encoding: chunked"], chunked],
    [["transfer-encoding: chunked", "content-length: 5"], chunked],
    [["content-length: 12", "content-length: 13"], noFacts],
    [["content-length: 12, 12"], noFacts],
    [["content-length: +12"], noFacts],
    [["content-length: -1"], noFacts],
    [["content-length: 0x0c"], noFacts],
    [["content-length: 1 2"], noFacts],
    [["content-length: 99999999999999999999"], noFacts],
    [["content-length:"], noFacts],
    [["transfer-encoding: chunked, identity"], chunked],
    [["transfer-encoding: xchunked"], chunked],
    [["transfer-encoding: chunked", "transfer-encoding: identity"], chunked],
    [["transfer-encoding : chunked"], chunked],
    [["transfer-encoding: \x0bchunked"], chunked],
    [["x: a\r\n transfer-encoding: chunked"], chunked],
    [["transfer-encoding: chunked"], `${noFacts.length.toString(16)}\n${noFacts}\n0\n\n`],
    [["transfer-encoding: chunked"], `-1\r\n${noFacts}\r\n0\r\n\r\n`],
    [["transfer-encoding: chunked"], `0x10\r\n${noFacts}\r\n0\r\n\r\n`],
    [["transfer-encoding: chunked"], `ffffffffffffffffff\r\n${noFacts}`],
  ];
  for (const [lines, rest] of ambiguous) {
    const answer = await exchange(head("host: x", ...lines) + rest + smuggled);
    // What has no meaning is a 400 and the end of the connection; the rest is never read as a request.
    expectRefusal(answer, lines.join(", "), [400]);
    expect(answer, lines.join(", ")).toMatch(/\r\nconnection: close\r\n/i);
    expect(answer.match(/HTTP\/1\.1 \d{3}/g), lines.join(", ")).toHaveLength(1);
  }
  const [row] = await api.database.sql<{ count: number }>`select count(*)::int from workflows`;
  expect(row?.count).toBe(0);
});

test("heads that are too large, request lines that are none and names that are no names get a problem", async () => {
  const { exchange, head } = await open();
  const big = "a".repeat(20_000);
  const wrong: [number[], string][] = [
    [[431], head("host: x", `x-a: ${big}`)],
    [[431], head("host: x", ...Array.from({ length: 3_000 }, (_, n) => `x-${n}: y`))],
    [[431, 414], `GET /${big} HTTP/1.1\r\nhost: x\r\n\r\n`],
    [[431, 414], `GET /?${big} HTTP/1.1\r\nhost: x\r\n\r\n`],
    [[400], "GET /livez HTTP/9.9\r\nhost: x\r\n\r\n"],
    [[400], "GET /livez\r\nhost: x\r\n\r\n"],
    [[400], "FROBNICATE /livez HTTP/1.1\r\nhost: x\r\n\r\n"],
    [[400], "get /livez HTTP/1.1\r\nhost: x\r\n\r\n"],
    [[400], "GET /li vez HTTP/1.1\r\nhost: x\r\n\r\n"],
    [[400], "\0\0\0\0\r\n\r\n"],
    [[400], "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"],
    [[400], "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    [[400], "GET /livez HTTP/1.1\r\nhost: x\r\nx a: b\r\n\r\n"],
    [[400], "GET /livez HTTP/1.1\r\nhost: x\r\nx\0: b\r\n\r\n"],
    [[400], "GET /livez HTTP/1.1\r\nhost: x\r\n: b\r\n\r\n"],
    [[400], "GET /livez HTTP/1.1\r\nhost: x\r\nx: a\0b\r\n\r\n"],
    [[400], "GET /livez HTTP/1.1\r\nhost: x\r\nx: a\rb\r\n\r\n"],
    [[404], "GET http://evil.test/nowhere HTTP/1.1\r\nhost: x\r\n\r\n"],
    [[404], "OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n"],
  ];
  for (const [statuses, bytes] of wrong) {
    expectRefusal(await exchange(Buffer.from(bytes, "latin1")), bytes.slice(0, 60), statuses);
  }
});

test("whatever bytes arrive, the service answers with HTTP or hangs up, and goes on", async () => {
  const { api, dial, head } = await open();
  const piece = fc.oneof(
    fc.constantFrom(
      ...["\r\n", "\n", "\r", ":", " ", "\0", "HTTP/1.1", "GET /", "POST ", "host: x", "\r\n\r\n"],
      ...[
        "transfer-encoding: chunked",
        "content-length: 1",
        "upgrade: websocket",
        "{",
        "expect: y",
      ],
      ...["connection: upgrade", "0\r\n\r\n", "trailer: x", "CONNECT a:1 HTTP/1.1", "%", "\xff"],
    ),
    fc.string({ unit: "binary", maxLength: 4 }),
  );
  const noise = fc.array(piece, { minLength: 1, maxLength: 12 }).map((pieces) => pieces.join(""));
  await fc.assert(
    fc.asyncProperty(noise, fc.boolean(), async (bytes, afterHead) => {
      const connection = dial();
      const start = afterHead ? head("host: x", "transfer-encoding: chunked") : "";
      connection.socket.end(Buffer.from(start + bytes, "latin1"));
      await expect.poll(() => connection.open, { timeout: 8_000, interval: 2 }).toBe(false);
      for (const [, status] of connection.answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)) {
        expect(Number(status), bytes).toBeLessThan(500);
      }
    }),
    { numRuns: 150, seed: 20_261_121 },
  );
  expect((await api.call("GET", "/livez", { key: null })).status).toBe(200);
});

test("a parameter that does nothing is named, also where there is no name and where none is taken", async () => {
  const { api } = await open();
  const list = "/workflows/v1/workflow-webhooks";
  const detail = async (path: string) => (await api.call("GET", path)).body.detail;
  expect(await detail(`${list}?=1`)).toMatch(
    /^"": a parameter without a name; allowed: page, size, /,
  );
  expect(await detail("/accounts/v1/users/me?team_id=B")).toBe("team_id: unknown parameter.");
  expect(await detail("/accounts/v1/users/me?=")).toBe('"": a parameter without a name.');
  // Probes may add what they like.
  expect((await api.call("GET", "/livez?t=1", { key: null })).status).toBe(200);
});

test("a name that shows nothing is no name", async () => {
  const { api } = await open();
  const invisible =
    "\u3164 \u115f \u1160 \uffa0 \u2800 \u200b \u200d \u2060 \u00ad \u034f \ufe0f \u17b4 \u{e0041}";
  for (const name of [...invisible.split(" "), invisible, "\u00a0", "\u3000"]) {
    const answer = await api.call("POST", "/workflows/v1/workflow-webhooks", {
      body: { ...valid, name },
    });
    expect(answer.status, JSON.stringify(name)).toBe(422);
    expect(answer.body.errors[0].loc).toEqual(["body", "name"]);
  }
  for (const name of ["👩‍💻", "नमस्ते", "한국어", "a\u3164", "İ"]) {
    const answer = await api.call("POST", "/workflows/v1/workflow-webhooks", {
      body: { ...valid, name },
    });
    expect(answer.status, name).toBe(201);
  }
});
