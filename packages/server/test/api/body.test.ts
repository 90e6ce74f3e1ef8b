import { type AddressInfo, connect } from "node:net";
import Type from "typebox";
import { expect, onTestFinished, test } from "vitest";
import type { Routes } from "../../src/api/request.ts";
import { rowsOf } from "../hostile/rows.ts";
import { openTestApi } from "../support/api.ts";

const Probe = Type.Object(
  {
    type: Type.Enum(["workflow.completed"]),
    data: Type.Optional(Type.Unknown()),
    a: Type.Optional(Type.Unknown()),
  },
  { additionalProperties: false },
);

const probeRoutes: Routes = (app) => {
  const config = { scope: "publish" } as const;
  app.post("/probe", { config, schema: { body: Probe } }, async (request, reply) => {
    reply.code(201).type("application/json");
    return `{"data":${request.bodyMembers.get("data") ?? "null"}}`;
  });
  app.post("/bare", { config, schema: {} }, async (request) => ({ body: request.body ?? null }));
};

async function setup() {
  const api = await openTestApi({ routes: [probeRoutes] });
  onTestFinished(() => api.close());
  const post = (body: unknown, headers: Record<string, string> = {}, path = "/probe") =>
    api.call("POST", path, { body, headers });
  return { ...api, post };
}

const fitting = '{"type":"workflow.completed","data":{}}';

type IngestCase = {
  id: string;
  why: string;
  input: {
    content_type?: string | null;
    content_encoding?: string;
    body?: string;
    body_b64?: string;
    body_gzip_of?: string;
  };
  expect: { status?: number; status_any?: number[]; delivered_bytes_identical?: boolean };
};

test.each(rowsOf<IngestCase>("ingest: body"))(
  "$id: $why; accepted or refused as it must be, and never a 500",
  async ({ input, expect: expected }) => {
    const api = await setup();
    const body = input.body_b64
      ? Buffer.from(input.body_b64, "base64")
      : Buffer.from(input.body ?? input.body_gzip_of ?? "");
    const answer = await api.app.inject({
      method: "POST",
      url: "/probe",
      headers: {
        authorization: `Bearer ${api.key}`,
        ...(input.content_type ? { "content-type": input.content_type } : {}),
        ...(input.content_encoding ? { "content-encoding": input.content_encoding } : {}),
      },
      payload: body,
    });
    const allowed = expected.status_any ?? [expected.status];
    expect(allowed, answer.body).toContain(answer.statusCode);
    if (answer.statusCode >= 400) {
      expect(answer.headers["content-type"]).toMatch(/^application\/problem\+json/);
    }
    if (expected.delivered_bytes_identical) {
      expect(answer.body).toBe(`{"data":${/"data":(\{.*\})\}$/.exec(body.toString())?.[1]}}`);
    }
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  },
);

test("a body of 256 KiB passes and one byte more is a 413, by its announced length", async () => {
  const api = await setup();
  const sized = (bytes: number) => {
    const head = '{"type":"workflow.completed","data":"';
    return `${head}${"x".repeat(bytes - head.length - 2)}"}`;
  };
  expect((await api.post(sized(256 * 1024))).status).toBe(201);
  const refused = await api.post(sized(256 * 1024 + 1));
  expect(refused.status).toBe(413);
  expect(refused.body.code).toBe("body_too_large");
});

test("a chunked body without a length is cut off at the limit and never piles up in memory", async () => {
  const api = await setup();
  await api.app.listen({ port: 0, host: "127.0.0.1" });
  const { port } = api.app.server.address() as AddressInfo;
  const before = process.memoryUsage.rss();
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  let answer = "";
  socket.on("data", (data) => {
    answer += data.toString();
  });
  socket.write(
    `POST /probe HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${api.key}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`,
  );
  const chunk = Buffer.concat([
    Buffer.from("10000\r\n"),
    Buffer.alloc(65_536, "a"),
    Buffer.from("\r\n"),
  ]);
  let sent = 0;
  let open = true;
  socket.on("close", () => {
    open = false;
  });
  while (open && answer === "" && sent < 100 * 1024 * 1024) {
    sent += 65_536;
    const drained = socket.write(chunk);
    await new Promise<void>((resolve) =>
      drained ? setImmediate(resolve) : whenFree(socket, resolve),
    );
  }
  socket.destroy();
  expect(sent).toBeLessThan(100 * 1024 * 1024);
  expect(answer).toMatch(/^HTTP\/1.1 413 /);
  expect(answer).toContain("body_too_large");
  expect(process.memoryUsage.rss() - before).toBeLessThan(50 * 1024 * 1024);
});

function whenFree(socket: ReturnType<typeof connect>, resolve: () => void): void {
  socket.once("drain", resolve);
  socket.once("close", resolve);
}

test("text that is no UTF-8, a byte order mark, a key twice and deep nesting are malformed bodies", async () => {
  const api = await setup();
  const bodies = [
    Buffer.from([...Buffer.from('{"type":"'), 0xff, 0xfe, ...Buffer.from('"}')]),
    Buffer.from(`\ufeff${fitting}`),
    '{"type":"workflow.completed","type":"workflow.completed"}',
    '{"type":"workflow.completed","data":{"a":1,"\\u0061":2}}',
    `{"type":"workflow.completed","data":${"[".repeat(64)}${"]".repeat(64)}}`,
    "[]",
    '"text"',
  ];
  for (const body of bodies) {
    const answer = await api.post(body);
    expect(answer.status, String(body)).toBe(400);
    expect(answer.body.code).toBe("malformed_body");
  }
  const deep = `{"type":"workflow.completed","data":${"[".repeat(63)}${"]".repeat(63)}}`;
  expect((await api.post(deep)).status).toBe(201);
});

test("only application/json in UTF-8 is read, whatever its parameters are called", async () => {
  const api = await setup();
  for (const type of [
    "application/json; charset=UTF-8",
    'application/json;charset="utf-8"',
    "Application/JSON",
  ]) {
    expect((await api.post(fitting, { "content-type": type })).status, type).toBe(201);
  }
  for (const type of ["text/plain", "application/json; charset=utf-16", "text/json", "nonsense"]) {
    const answer = await api.post(fitting, { "content-type": type });
    expect(answer.status, type).toBe(415);
    expect(answer.body.code).toBe("unsupported_media_type");
  }
  expect((await api.post(fitting, { "content-encoding": "br" })).status).toBe(415);
  expect((await api.post(fitting, { "content-encoding": "identity" })).status).toBe(201);
});

test("a route that describes no body takes an empty one or an empty object, and nothing else", async () => {
  const api = await setup();
  expect((await api.call("POST", "/bare")).status).toBe(200);
  expect((await api.post("", {}, "/bare")).status).toBe(200);
  expect((await api.post("{}", {}, "/bare")).status).toBe(200);
  expect((await api.post('{"dry_run":true}', {}, "/bare")).status).toBe(422);
});

test("members named like parts of every object's prototype are unknown fields and change no prototype", async () => {
  const api = await setup();
  for (const name of ["__proto__", "\\u005f_proto__", "constructor", "toString"]) {
    const answer = await api.post(`{"type":"workflow.completed","${name}":{"polluted":true}}`);
    expect(answer.status, name).toBe(422);
    expect(answer.body.errors[0].type).toBe("unknown_field");
  }
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

test("free-form members reach the handler as the exact text that was sent", async () => {
  const api = await setup();
  const data = '{ "b":1.0, "10":12345678901234567890, "2":1e400, "a":"\\ud83d" }';
  const answer = await api.post(`{"type":"workflow.completed","data":${data}}`);
  expect(answer.text).toBe(`{"data":${data}}`);
});
