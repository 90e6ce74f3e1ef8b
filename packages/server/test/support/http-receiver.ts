import { EventEmitter, once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";

/** One request as it arrived. */
export type ReceivedRequest = {
  path: string;
  headers: http.IncomingHttpHeaders;
  /** The exact bytes. */
  body: Buffer;
  arrivedAtMs: number;
};

/** A status alone, or with headers and a body. */
export type Answer = number | { status: number; headers?: Record<string, string>; body?: string };

export type AnswerOf = (request: ReceivedRequest, count: number) => Answer | Promise<Answer>;

/** A receiver on 127.0.0.1 that keeps what it gets and answers as it is told. */
export type Receiver = {
  /** `http://127.0.0.1:port` */
  origin: string;
  requests: ReceivedRequest[];
  /** Answers the coming requests with these, one each, and all after them with 200. */
  answerWith(...answers: Answer[]): void;
  /** Answers each request as the function says; `count` is the number of the request, from 1. */
  answerBy(answerOf: AnswerOf): void;
  /** Leaves all requests from now on without an answer until the returned function is called. */
  hold(): () => void;
  /** Waits until so many requests have arrived. */
  received(count: number): Promise<void>;
  /** Drops every connection and stops. */
  close(): Promise<void>;
};

const waitMsMax = 15_000;

/** Starts a receiver that answers everything with 200. */
export async function openReceiver(): Promise<Receiver> {
  const requests: ReceivedRequest[] = [];
  const arrivals = new EventEmitter().setMaxListeners(0);
  let answerOf: AnswerOf = () => 200;

  const server = http.createServer(async (message, response) => {
    response.on("error", () => {});
    const chunks: Buffer[] = [];
    for await (const chunk of message) chunks.push(chunk as Buffer);
    const request = {
      path: message.url ?? "",
      headers: message.headers,
      body: Buffer.concat(chunks),
      arrivedAtMs: performance.now(),
    };
    const count = requests.push(request);
    arrivals.emit("request");
    const answer = await answerOf(request, count);
    const { status, headers, body } = typeof answer === "number" ? { status: answer } : answer;
    response.writeHead(status, headers).end(body);
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;

  return {
    origin: `http://127.0.0.1:${port}`,
    requests,
    answerWith(...answers) {
      const first = requests.length + 1;
      answerOf = (_request, count) => answers[count - first] ?? 200;
    },
    answerBy(given) {
      answerOf = given;
    },
    hold() {
      const before = answerOf;
      let open = () => {};
      const opened = new Promise<void>((resolve) => {
        open = resolve;
      });
      answerOf = async (request, count) => {
        await opened;
        return before(request, count);
      };
      return () => {
        answerOf = before;
        open();
      };
    },
    async received(count) {
      const signal = AbortSignal.timeout(waitMsMax);
      while (requests.length < count) await once(arrivals, "request", { signal });
    },
    async close() {
      if (!server.listening) return;
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
