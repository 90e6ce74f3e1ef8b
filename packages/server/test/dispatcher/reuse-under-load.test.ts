import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import type { SendReport } from "../../src/dispatcher/send.ts";
import { openWatchedSender } from "../support/watched-sender.ts";

const requestCount = 1_000;
const atOnce = 50;

/** What a receiver does with the request that is the nth on its connection; `answer`: its own answer, with its body. */
type Serve = (socket: net.Socket, nth: number, answer: (head?: string) => string) => void;

/** A receiver that answers each request with the request's body, and notes every body that it read. */
async function startEcho(serve: Serve) {
  const bodies: string[] = [];
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    let [text, nth] = ["", 0];
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      for (;;) {
        const request = /^[\s\S]*?content-length: 8\r\n\r\n([\s\S]{8})/.exec(text);
        const body = request?.[1];
        if (body === undefined) return;
        text = text.slice(request?.[0].length);
        bodies.push(body);
        nth += 1;
        serve(
          socket,
          nth,
          (head = "") => `HTTP/1.1 200 OK\r\nContent-Length: 8\r\n${head}\r\n${body}`,
        );
      }
    });
  });
  server.listen(0, "127.0.0.1", 1_024);
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { origin: `http://127.0.0.1:${port}`, bodies, openCount: () => sockets.size };
}

/** Sends a thousand requests, fifty at once; the reports by the bodies of their requests. */
async function load(serve: Serve) {
  const receiver = await startEcho(serve);
  const { sender, opened } = openWatchedSender();
  const reports = new Map<string, SendReport["result"]>();
  let next = 0;
  const worker = async () => {
    while (next < requestCount) {
      next += 1;
      const body = String(next).padStart(8, "0");
      const request = { origin: receiver.origin, path: "/", headers: [], timeoutMs: 20_000 };
      reports.set(body, (await sender.send({ ...request, body: Buffer.from(body) })).result);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  await sender.close();

  // Whatever the receiver does: nothing is sent twice, no answer is another's, no socket stays.
  expect(receiver.bodies).toHaveLength(new Set(receiver.bodies).size);
  for (const [body, result] of reports) {
    if (result.kind === "responded") expect(result).toMatchObject({ status: 200, body });
  }
  expect(opened.filter((socket) => !socket.destroyed)).toEqual([]);
  await expect.poll(receiver.openCount).toBe(0);
  const unanswered = [...reports.values()].filter(({ kind }) => kind !== "responded");
  return { unanswered, openedCount: opened.length, sentCount: receiver.bodies.length };
}

test.each<[string, number, Serve]>([
  ["keeps its connections", atOnce, (socket, _nth, answer) => socket.write(answer())],
  [
    "answers in two parts",
    atOnce,
    (socket, nth, answer) => {
      const place = nth % answer().length;
      socket.write(answer().slice(0, place));
      setImmediate(() => socket.write(answer().slice(place)));
    },
  ],
  [
    "closes with each answer and says so",
    requestCount,
    (socket, _nth, answer) => socket.end(answer("Connection: close\r\n")),
  ],
  [
    "says that it closes and does not",
    requestCount,
    (socket, _nth, answer) => socket.write(answer("Connection: close\r\n")),
  ],
  [
    "closes with each answer and does not say so",
    requestCount,
    (socket, _nth, answer) => socket.end(answer()),
  ],
  [
    "ends each answer with its connection",
    requestCount,
    (socket, _nth, answer) => socket.end(answer().replace("Content-Length: 8\r\n", "")),
  ],
  [
    "closes with every fifth answer and does not say so",
    requestCount / 5,
    (socket, nth, answer) => {
      socket.write(answer());
      if (nth === 5) socket.end();
    },
  ],
])(
  "a receiver that %s answers every request, on %i connections or a few more",
  async (_what, connectionCount, serve) => {
    const { unanswered, openedCount, sentCount } = await load(serve);
    expect(unanswered).toEqual([]);
    expect(sentCount).toBe(requestCount);
    expect(openedCount).toBeGreaterThanOrEqual(connectionCount);
    expect(openedCount).toBeLessThanOrEqual(connectionCount + atOnce);
  },
);

const timers = new WeakMap<net.Socket, NodeJS.Timeout>();

test.each<[string, Serve]>([
  [
    "closes after one to fifty idle milliseconds",
    (socket, nth, answer) => {
      clearTimeout(timers.get(socket));
      socket.write(answer());
      timers.set(
        socket,
        setTimeout(() => socket.end(), 1 + ((nth * 7) % 50)),
      );
    },
  ],
  [
    "closes while it may be asked again",
    (socket, nth, answer) => {
      if (!socket.writableEnded) socket.write(answer());
      if (nth === 3) setTimeout(() => socket.end(), 1);
    },
  ],
  [
    "resets while it may be asked again",
    (socket, nth, answer) => {
      socket.write(answer());
      if (nth === 3) setTimeout(() => socket.resetAndDestroy(), 1);
    },
  ],
])("a receiver that %s costs only requests that it may have read", async (_what, serve) => {
  const { unanswered } = await load(serve);
  const reasons = unanswered.map((result) => result.kind === "unanswered" && result.reason);
  expect(
    reasons.filter((reason) => reason !== "connection_closed" && reason !== "connection_reset"),
  ).toEqual([]);
  // Each had a connection of its own that had carried an answer before.
  expect(unanswered.length).toBeLessThanOrEqual(requestCount / 2);
});
