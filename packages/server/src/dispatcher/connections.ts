import type { EventEmitter } from "node:events";
import type net from "node:net";
import { Client, type Dispatcher } from "undici";
import { AnswerStart } from "./answer-start.ts";
import type { Connecting, Connector, WayThere } from "./connector.ts";

/** One undici Client with one socket: it is never connected a second time. */
export type Connection = {
  readonly client: Client;
  readonly origin: Origin;
  /** True after its first complete exchange. */
  kept: boolean;
  connecting: Connecting | undefined;
  /** How it was opened; undefined before that begins. */
  way: WayThere | undefined;
  socket: net.Socket | undefined;
  discarded: boolean;
  /** The bytes received so far of the awaited answer. */
  readonly answer: AnswerStart;
};

/** The request as undici gets it. */
export type Request = Pick<Dispatcher.DispatchOptions, "method" | "path" | "headers" | "body">;

type Postponed = { connection: Connection; request: Request; handler: Dispatcher.DispatchHandler };

type Origin = { readonly name: string; idle: Connection[]; openCount: number; evicted: boolean };

/** The open connections of the process: for each origin as many as are in use at once. */
export type Connections = {
  /** Gives an idle connection or a new one; throws if `origin` is not an origin. */
  acquire(origin: string, options: { fresh: boolean }): Connection;
  /** Sends a request on a connection that was just acquired; the handler gets the result. */
  dispatch(connection: Connection, request: Request, handler: Dispatcher.DispatchHandler): void;
  /** Takes back a connection whose exchange ended cleanly. */
  release(connection: Connection): void;
  /** Destroys a connection and its exchange. */
  discard(connection: Connection): void;
  /** Discards idle connections now, and the others when they are released. */
  close(): void;
};

/** Opens the pool; of more than `originsMax` origins, the least recently used lose their connections. */
export function openConnections(connector: Connector, originsMax: number): Connections {
  // A Map keeps insertion order; used origins move to its end.
  const origins = new Map<string, Origin>();
  let postponed: Postponed[] = [];

  function use(name: string): Origin {
    const origin = origins.get(name) ?? { name, idle: [], openCount: 0, evicted: false };
    origins.delete(name);
    origins.set(name, origin);
    if (origins.size > originsMax) {
      const [oldest] = origins.values();
      if (oldest) evict(oldest);
    }
    return origin;
  }

  function evict(origin: Origin) {
    origin.evicted = true;
    origins.delete(origin.name);
    for (const connection of origin.idle.splice(0)) discard(connection);
  }

  function open(origin: Origin): Connection {
    const client = new Client(origin.name, {
      connect: ({ hostname, port, protocol }, callback) => {
        const secure = protocol === "https:";
        const target = { hostname, port: Number(port) || (secure ? 443 : 80), secure };
        connection.connecting = connector.connect(target, (error, socket) => {
          connection.connecting = undefined;
          connection.socket = socket ?? undefined;
          if (socket) callback(null, socket as net.Socket);
          else callback(error as Error, null);
        });
        connection.way = connection.connecting.way;
      },
      pipelining: 1,
      keepAliveTimeout: 60_000,
      keepAliveMaxTimeout: 600_000,
      maxHeaderSize: 16_384,
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    const connection: Connection = {
      client,
      origin,
      kept: false,
      connecting: undefined,
      way: undefined,
      socket: undefined,
      discarded: false,
      answer: new AnswerStart(),
    };
    origin.openCount += 1;
    client.on("connect", () => watchParser(connection));
    // Otherwise undici would connect again, in a loop if the receiver closes at once.
    client.on("disconnect", (_origin, _clients, error) => discard(connection, error));
    client.on("connectionError", (_origin, _clients, error) => discard(connection, error));
    const events: EventEmitter = client; // undici's types lack this event.
    events.on("error", () => discard(connection));
    return connection;
  }

  function discard(connection: Connection, error: Error | null = null) {
    if (connection.discarded) return;
    connection.discarded = true;
    connection.connecting?.cancel();
    connection.client.destroy(error, () => {});
    const { origin } = connection;
    const index = origin.idle.indexOf(connection);
    if (index >= 0) origin.idle.splice(index, 1);
    origin.openCount -= 1;
    if (origin.openCount === 0 && !origin.evicted) origins.delete(origin.name);
  }

  function dispatchPostponed() {
    const due = postponed;
    postponed = [];
    for (const { connection, request, handler } of due) {
      if (connection.discarded) handler.onError?.(new Error("The connection has gone."));
      else connection.client.dispatch(request, handler);
    }
  }

  return {
    /**
     * Before it writes to a kept connection, undici waits for the next check phase of the event
     * loop to learn that the receiver has closed it or sent something unexpected. During a poll phase that is too early:
     * nothing is read in between. During a check phase, it reads everything that had arrived when the request was made.
     */
    dispatch(connection, request, handler) {
      connection.answer.begin();
      if (!connection.kept) {
        connection.client.dispatch(request, handler);
        return;
      }
      const count = postponed.push({ connection, request, handler });
      if (count === 1) setImmediate(dispatchPostponed);
    },
    acquire(name, { fresh }) {
      const origin = use(name);
      while (!fresh) {
        const connection = origin.idle.pop();
        if (!connection) break;
        if (connection.socket?.destroyed === false) return connection;
        discard(connection);
      }
      try {
        return open(origin);
      } catch (error) {
        if (origin.openCount === 0) origins.delete(name);
        throw error;
      }
    },
    release(connection) {
      // With part of the request unsent, the next request would wait behind a body that nobody reads.
      if (connection.origin.evicted || connection.socket?.writableLength !== 0) {
        discard(connection);
        return;
      }
      connection.kept = true;
      connection.origin.idle.push(connection);
    },
    discard,
    close() {
      for (const origin of [...origins.values()]) evict(origin);
    },
  };
}

type Parser = {
  execute(chunk: Buffer): void;
  onHeadersComplete(status: number, upgrade: boolean, keepAlive: boolean): number;
};

/**
 * Ignores an unrequested `100 Continue` like every other 1xx, and keeps the answer's bytes until its head is complete.
 *
 * RFC 9110 15.2 obliges a client to skip it; undici drops the connection instead. Its parser treats a 102 in the same way.
 */
function watchParser({ socket, answer }: Connection) {
  if (!socket) return;
  const key = Object.getOwnPropertySymbols(socket).find(
    ({ description }) => description === "parser",
  );
  const parser = key && (socket as unknown as Record<symbol, Parser | null>)[key];
  if (!parser) return;
  const { execute, onHeadersComplete } = parser;
  parser.execute = function (chunk) {
    answer.add(chunk);
    execute.call(this, chunk);
  };
  parser.onHeadersComplete = function (status, upgrade, keepAlive) {
    if (status >= 200) answer.end();
    return onHeadersComplete.call(this, status === 100 ? 102 : status, upgrade, keepAlive);
  };
}
