import type net from "node:net";
import { type AnswerEvents, AnswerParser } from "./answer-parser.ts";
import { AnswerStart } from "./answer-start.ts";
import type { Connecting, Connector, ConnectTarget, WayThere } from "./connector.ts";
import type { Deadlines } from "./deadlines.ts";
import { AnswerError, ConnectError, connectionClosed, malformed, unsendable } from "./failures.ts";
import { Turn } from "./race.ts";
import { type Request, requestText } from "./request-text.ts";

/** A connection with one socket: it is never connected a second time. */
export type Connection = {
  readonly origin: Origin;
  /** True after its first complete exchange. */
  kept: boolean;
  connecting: Connecting | undefined;
  /** How it was opened; undefined before that begins. */
  way: WayThere | undefined;
  socket: net.Socket | undefined;
  discarded: boolean;
  /** The bytes received so far of an answer whose head is not complete. */
  readonly answer: AnswerStart;
  readonly parser: AnswerParser;
  /** Of the exchange that it carries. */
  handler: Handler | undefined;
  /** The request was written: from now on what arrives is its answer. */
  awaiting: boolean;
  /** The end of its time without an exchange. */
  readonly idleLimit: Turn;
};

/** What an exchange hears of its request. */
export type Handler = AnswerEvents & {
  /** Called immediately before the request is written; until then nothing was sent. */
  onWriting(): void;
  onWritten(): void;
  /** Called once instead of `onComplete`. */
  onError(error: Error): void;
};

type Origin = {
  readonly name: string;
  readonly host: string;
  readonly target: ConnectTarget;
  idle: Connection[];
  openCount: number;
  evicted: boolean;
};

/** The open connections of the process: for each origin as many as are in use at once. */
export type Connections = {
  /** Gives an idle connection or a new one; throws if `origin` is not an origin. */
  acquire(origin: string, options: { fresh: boolean }): Connection;
  /** Sends a request on a connection that was just acquired; the handler gets the result. */
  dispatch(connection: Connection, request: Request, handler: Handler): void;
  /** Takes back a connection whose exchange ended cleanly. */
  release(connection: Connection): void;
  /** Destroys a connection and its exchange. */
  discard(connection: Connection): void;
  /** Discards idle connections now, and the others when they are released. */
  close(): void;
};

const tooEarly = malformed("it came before the request");

type Written = { text: string; request: Request };

/**
 * Opens the pool; of more than `originsMax` origins, the least recently used lose their connections.
 *
 * It speaks HTTP/1.1 itself: one request at a time on a connection, in one write (ADR 46 says why, and what it saves).
 */
export function openConnections(
  connector: Connector,
  deadlines: Deadlines,
  originsMax: number,
): Connections {
  // A Map keeps insertion order; used origins move to its end.
  const origins = new Map<string, Origin>();
  let postponed: (() => void)[] = [];

  function use(name: string): Origin {
    const origin = origins.get(name) ?? newOrigin(name);
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
    const connection: Connection = {
      origin,
      kept: false,
      connecting: undefined,
      way: undefined,
      socket: undefined,
      discarded: false,
      answer: new AnswerStart(),
      parser: new AnswerParser(),
      handler: undefined,
      awaiting: false,
      idleLimit: new Turn(() => discard(connection)),
    };
    origin.openCount += 1;
    return connection;
  }

  function connect(connection: Connection, written: Written) {
    connection.connecting = connector.connect(connection.origin.target, (error, socket) => {
      connection.connecting = undefined;
      if (socket === null) return fail(connection, error ?? new AnswerError(connectionClosed));
      connection.socket = socket;
      // Behind the head of a proxy that opened a tunnel: an answer to nothing.
      if (socket.readableLength > 0) return fail(connection, new AnswerError(tooEarly));
      listen(connection, socket);
      write(connection, written);
    });
    connection.way = connection.connecting.way;
  }

  function listen(connection: Connection, socket: net.Socket) {
    socket.on("data", (chunk) => receive(connection, chunk));
    socket.on("end", () => receiveEnd(connection));
    socket.on("error", (error) => fail(connection, error));
    socket.on("close", () => fail(connection, new AnswerError(connectionClosed)));
  }

  function write(connection: Connection, { text, request: { method, body } }: Written) {
    const { socket, handler, parser } = connection;
    if (!socket || !handler) return;
    if (socket.destroyed) return fail(connection, new AnswerError(connectionClosed));
    parser.begin(handler, method === "HEAD");
    connection.awaiting = true;
    handler.onWriting();
    // Both parts in one write.
    socket.cork();
    socket.write(text, "latin1");
    if (body) socket.write(body);
    socket.uncork();
    handler.onWritten();
  }

  function receive(connection: Connection, chunk: Buffer) {
    const { parser, answer } = connection;
    // An answer that nobody asked for: whose answer the next one is would not be known.
    if (!connection.awaiting) return fail(connection, new AnswerError(connectionClosed));
    try {
      parser.feed(chunk);
    } catch (error) {
      if (!parser.headIsComplete) answer.add(chunk);
      return fail(connection, error as Error);
    }
    if (parser.headIsComplete) answer.clear();
    else answer.add(chunk);
  }

  function receiveEnd(connection: Connection) {
    try {
      if (connection.awaiting) connection.parser.end();
      discard(connection);
    } catch (error) {
      fail(connection, error as Error);
    }
  }

  /** Ends a connection, and its exchange with this error. */
  function fail(connection: Connection, error: Error) {
    const { handler } = connection;
    connection.handler = undefined;
    discard(connection);
    try {
      handler?.onError(error);
    } catch {
      // It costs the connection, which is closed already, and no other exchange.
    }
  }

  function discard(connection: Connection) {
    if (connection.discarded) return;
    connection.discarded = true;
    connection.parser.stop();
    connection.connecting?.cancel();
    connection.socket?.destroy();
    deadlines.disarm(connection.idleLimit);
    const { origin } = connection;
    const index = origin.idle.indexOf(connection);
    if (index >= 0) origin.idle.splice(index, 1);
    origin.openCount -= 1;
    if (origin.openCount === 0 && !origin.evicted) origins.delete(origin.name);
    // Its exchange, if it did not end the connection itself, hears of it.
    if (connection.handler) fail(connection, new AnswerError(connectionClosed));
  }

  /**
   * Writes to a kept connection only after everything was read that had arrived when the request was made: the receiver may
   * have closed the connection, or sent something that nobody asked for.
   *
   * The event loop reads sockets between two check phases. In the phase in which the request was made, it may have read
   * this socket already.
   */
  function postpone(step: () => void) {
    if (postponed.push(step) > 1) return;
    setImmediate(() => {
      const due = postponed;
      postponed = [];
      setImmediate(() => {
        for (const each of due) each();
      });
    });
  }

  return {
    dispatch(connection, request, handler) {
      connection.handler = handler;
      connection.answer.clear();
      try {
        const written = { text: requestText(connection.origin.host, request), request };
        if (connection.discarded) fail(connection, new AnswerError(connectionClosed));
        else if (connection.kept) postpone(() => write(connection, written));
        else connect(connection, written);
      } catch (error) {
        fail(connection, error as Error);
      }
    },
    acquire(name, { fresh }) {
      const origin = use(name);
      while (!fresh) {
        const connection = origin.idle.pop();
        if (!connection) break;
        deadlines.disarm(connection.idleLimit);
        if (connection.socket?.destroyed === false) return connection;
        discard(connection);
      }
      return open(origin);
    },
    release(connection) {
      connection.handler = undefined;
      connection.awaiting = false;
      const { origin, parser, socket } = connection;
      // With part of the request unsent, the next request would wait behind a body that nobody reads.
      if (origin.evicted || parser.keptMs === 0 || socket?.writableLength !== 0) {
        discard(connection);
        return;
      }
      connection.kept = true;
      origin.idle.push(connection);
      deadlines.arm(connection.idleLimit, parser.keptMs);
    },
    discard,
    close() {
      for (const origin of [...origins.values()]) evict(origin);
    },
  };
}

function newOrigin(name: string): Origin {
  const { protocol, host, hostname, port } = new URL(name);
  if (protocol !== "http:" && protocol !== "https:") throw new ConnectError(unsendable);
  const secure = protocol === "https:";
  const target = {
    hostname: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: Number(port) || (secure ? 443 : 80),
    secure,
  };
  return { name, host, target, idle: [], openCount: 0, evicted: false };
}
