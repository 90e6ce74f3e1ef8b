import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import Fastify from "fastify";
import { Hono } from "hono";
import { expect, onTestFinished, test } from "vitest";
import * as forExpress from "../src/express.ts";
import * as forFastify from "../src/fastify.ts";
import * as forFetch from "../src/fetch.ts";
import * as forHono from "../src/hono.ts";
import type { WebhookEvent } from "../src/index.ts";
import type { ReceiverOptions } from "../src/receive.ts";
import { secretText, signedRequest } from "./signed.ts";

const body = '{"action":"workflow_created","workflow_name":"é😀","n":1.0}';

type Answer = { status: number; text: string };
/** Posts to a receiver of one framework, on a route beside one that parses JSON. */
type Post = (request: RequestInit, path?: string) => Promise<Answer>;

const answered = async (response: Response): Promise<Answer> => ({
  status: response.status,
  text: await response.text(),
});

async function listening(server: Server): Promise<Post> {
  if (!server.listening) {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  }
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  });
  const { port } = server.address() as AddressInfo;
  return async (request, path = "/hooks") =>
    await answered(await fetch(`http://127.0.0.1:${port}${path}`, request));
}

/** Each framework as its users set it up: a JSON parser for everything else, and its own handling of errors. */
const frameworks: Record<string, (options: ReceiverOptions) => Promise<Post>> = {
  async fetch(options) {
    const receive = forFetch.receiveWebhooks(options);
    return async (request, path = "/hooks") => {
      if (path === "/json") return { status: 200, text: String(request.body) };
      const whole = new Request("http://receiver.test/hooks", request);
      return await answered(
        await receive(whole).catch(() => new Response("failed", { status: 500 })),
      );
    };
  },
  async hono(options) {
    const app = new Hono();
    app.post("/hooks", forHono.receiveWebhooks(options));
    app.post("/json", async (context) => context.json(await context.req.json()));
    app.onError((_error, context) => context.text("failed", 500));
    return async (request, path = "/hooks") => await answered(await app.request(path, request));
  },
  async express(options) {
    const app = express();
    app.post("/hooks", forExpress.receiveWebhooks(options));
    app.use(express.json());
    app.post("/json", (request, response) => void response.json(request.body));
    const failed: express.ErrorRequestHandler = (_error, _request, response, _next) =>
      void response.status(500).send("failed");
    app.use(failed);
    return await listening(createServer(app));
  },
  async fastify(options) {
    const app = Fastify();
    app.register(forFastify.receiveWebhooks({ path: "/hooks", ...options }));
    app.post("/json", async (request) => request.body);
    app.setErrorHandler((error, _request, reply) => {
      const { statusCode = 500 } = error as { statusCode?: number };
      return reply.code(statusCode).send(statusCode === 500 ? "failed" : "refused");
    });
    await app.listen({ host: "127.0.0.1", port: 0 });
    onTestFinished(() => app.close());
    return await listening(app.server);
  },
};

const each = test.for(Object.entries(frameworks));

each(
  "%s: a signed event is handed over with its type and its exact body, then answered 204",
  async ([, open]) => {
    const events: [WebhookEvent, string][] = [];
    const post = await open({
      secret: secretText,
      onEvent: async (...event) => void events.push(event),
    });
    expect(await post(signedRequest(body))).toEqual({ status: 204, text: "" });
    expect(events).toHaveLength(1);
    const [event, text] = events[0] ?? [];
    expect(event).toMatchObject({
      id: "event_1",
      contract: "workflow",
      type: "workflow_created",
      payload: { workflow_name: "é😀" },
    });
    expect(text).toBe(body);
    // The raw body is kept for this route alone.
    const json = { ...signedRequest('{"a":1}'), headers: { "content-type": "application/json" } };
    expect(await post(json, "/json")).toEqual({ status: 200, text: '{"a":1}' });
  },
);

each("%s: what is not signed by us is answered 401 and handed to nobody", async ([, open]) => {
  const events: WebhookEvent[] = [];
  const post = await open({ secret: secretText, onEvent: (event) => void events.push(event) });
  const signed = signedRequest(body);
  const refused = (text: string) => ({ status: 401, text });
  expect(await post({ ...signed, body: body.replace("1.0", "1") })).toEqual(
    refused("no_matching_signature"),
  );
  expect(await post({ method: "POST", body })).toEqual(refused("missing_header"));
  expect(await post({ method: "POST" })).toEqual(refused("missing_header"));
  const old = { ...signed.headers, "webhook-timestamp": "1" };
  expect(await post({ ...signed, headers: old })).toEqual(refused("timestamp_too_old"));
  // Other media types are signed all the same, and are read as they are.
  const plain = { ...signed.headers, "content-type": "text/plain" };
  expect(await post({ ...signed, headers: plain })).toMatchObject({ status: 204 });
  expect(events).toHaveLength(1);
});

each("%s: a body beyond the limit is answered 413 and not kept", async ([, open]) => {
  const events: WebhookEvent[] = [];
  const post = await open({
    secret: secretText,
    bodyBytesMax: 1_000,
    onEvent: (event) => void events.push(event),
  });
  const exact = JSON.stringify({ pad: "x".repeat(1_000 - 10) });
  expect(exact).toHaveLength(1_000);
  expect(await post(signedRequest(exact))).toMatchObject({ status: 204 });
  expect(await post(signedRequest(`${exact} `))).toMatchObject({ status: 413 });
  expect(events).toHaveLength(1);
});

each(
  "%s: what onEvent throws is answered 500, so that the event is sent again",
  async ([, open]) => {
    const post = await open({
      secret: secretText,
      onEvent: async () => {
        throw new Error("the store is away");
      },
    });
    expect(await post(signedRequest(body))).toEqual({ status: 500, text: "failed" });
  },
);

each("%s: a mistake of the caller stops the start", async ([, open]) => {
  const onEvent = () => {};
  for (const [wrong, says] of [
    [{ secret: undefined, onEvent }, /signing secret is undefined/],
    [{ secret: [], onEvent }, /At least one signing secret/],
    [{ secret: secretText }, /onEvent must be a function/],
    [{ secret: secretText, onEvent, maxBytes: 1 }, /no member "maxBytes"/],
    [{ secret: secretText, onEvent, bodyBytesMax: 0 }, /bodyBytesMax must be a whole number/],
  ] as const) {
    await expect(open(wrong as unknown as ReceiverOptions)).rejects.toThrow(says);
  }
});

test("a body that was read before is the caller's mistake, and the message says so", async () => {
  const options = { secret: secretText, onEvent: () => {} };
  const request = new Request("http://receiver.test/", signedRequest(body));
  await request.text();
  const receive = forFetch.receiveWebhooks(options);
  await expect(receive(request)).rejects.toThrow(/The body was read before/);

  const app = express();
  app.use(express.json());
  app.post("/hooks", forExpress.receiveWebhooks(options));
  const failed: express.ErrorRequestHandler = (error, _request, response, _next) =>
    void response.status(500).send(error.message);
  app.use(failed);
  const post = await listening(createServer(app));
  expect((await post(signedRequest(body))).text).toMatch(/The body was read before/);
});

test("Express: the bytes that express.raw() has read are as good as the request's own", async () => {
  const app = express();
  app.use(express.raw({ type: "*/*" }));
  app.post("/hooks", forExpress.receiveWebhooks({ secret: secretText, onEvent: () => {} }));
  const post = await listening(createServer(app));
  expect(await post(signedRequest(body))).toMatchObject({ status: 204 });
});

test("fetch: another method is answered 405, and an event that is no POST is not read", async () => {
  const receive = forFetch.receiveWebhooks({ secret: secretText, onEvent: () => {} });
  const answer = await receive(new Request("http://receiver.test/"));
  expect(answer.status).toBe(405);
  expect(answer.headers.get("allow")).toBe("POST");
});
