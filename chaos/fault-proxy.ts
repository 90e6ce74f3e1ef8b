import { once } from "node:events";
import net from "node:net";

/** A TCP proxy between a service and PostgreSQL that fails as told. */
export type FaultProxy = {
  port: number;
  /** Every byte takes this much longer from now on; 0: at once. */
  delay(byMs: number): void;
  /** No byte passes in either direction until `heal`; then all pass that were held. */
  blackhole(): void;
  /** Resets all connections. */
  reset(): void;
  /** Ends the database's side of all connections, and lets the service's side hang. */
  halfOpen(): void;
  /** Of the next `count` commits: lets each happen, swallows the answer, and resets the connection. */
  cutCommits(count: number): void;
  /** Lets everything pass again. Connections that were broken stay broken. */
  heal(): void;
  /** Whether bytes pass now. */
  readonly open: boolean;
  /** Commits whose answers were swallowed so far. */
  readonly commitsCut: number;
  readonly connections: number;
  /** Half-open connections that the service has not closed. */
  readonly hanging: number;
  close(): Promise<void>;
};

export type FaultProxyOptions = {
  /** 0 takes a free one. */
  port: number;
  connect: () => net.Socket;
  /** Named statements that commit by themselves. */
  committing: readonly string[];
};

type Connection = {
  client: net.Socket;
  upstream: net.Socket;
  /** The answer that must not return, counted from the beginning of the connection. */
  cutAt?: number;
};

/** Opens the proxy on 127.0.0.1. */
export async function openFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const connections = new Set<Connection>();
  const clients = new Set<net.Socket>();
  let delayMs = 0;
  let cutsLeft = 0;
  let commitsCut = 0;
  let held: Promise<void> | undefined;
  let letPass = () => {};

  /** Writes what comes from one side to the other, in order, as late as the proxy is told. */
  function forward(from: net.Socket, to: net.Socket, watch: (chunk: Buffer) => "pass" | "stop") {
    let last = Promise.resolve();
    let queued = 0;
    from.on("data", (chunk: Buffer) => {
      if (watch(chunk) === "stop") return;
      if (delayMs === 0 && !held && queued === 0) {
        to.write(chunk);
        return;
      }
      const dueAtMs = performance.now() + delayMs;
      queued++;
      last = last.then(async () => {
        const waitMs = dueAtMs - performance.now();
        if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
        await held;
        queued--;
        if (to.writable) to.write(chunk);
      });
    });
  }

  function drop(connection: Connection): void {
    connections.delete(connection);
    connection.client.resetAndDestroy();
    connection.upstream.destroy();
  }

  const server = net.createServer((client) => {
    const upstream = options.connect();
    const connection: Connection = { client, upstream };
    connections.add(connection);
    clients.add(client);
    client.once("close", () => clients.delete(client));
    client.setNoDelay(true);
    const commits = openCommitWatch(options.committing);
    forward(client, upstream, (chunk) => {
      const [first] = commits(chunk);
      if (first !== undefined && cutsLeft > 0 && connection.cutAt === undefined) {
        cutsLeft--;
        connection.cutAt = first;
      }
      return "pass";
    });
    const countAnswers = openAnswerCount();
    forward(upstream, client, (chunk) => {
      // Those to the statements before the commit come first, for nobody has waited for them.
      if (countAnswers(chunk) < (connection.cutAt ?? Number.POSITIVE_INFINITY)) return "pass";
      // PostgreSQL has answered, so the commit has happened.
      commitsCut++;
      drop(connection);
      return "stop";
    });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on("error", () => {});
      one.on("close", () => {
        // Half-open: the end of the database's side is not passed on.
        if (one === upstream && !connections.has(connection)) return;
        connections.delete(connection);
        other.destroy();
      });
    }
  });
  server.listen(options.port, "127.0.0.1");
  await once(server, "listening");

  const proxy: FaultProxy = {
    port: (server.address() as net.AddressInfo).port,
    delay(byMs) {
      delayMs = byMs;
    },
    blackhole() {
      held ??= new Promise((resolve) => {
        letPass = resolve;
      });
    },
    reset() {
      for (const connection of connections) drop(connection);
    },
    halfOpen() {
      for (const connection of connections) {
        connections.delete(connection);
        connection.client.removeAllListeners("data").resume();
        connection.upstream.destroy();
      }
    },
    cutCommits(count) {
      cutsLeft = count;
    },
    heal() {
      delayMs = 0;
      cutsLeft = 0;
      held = undefined;
      letPass();
    },
    get open() {
      return held === undefined;
    },
    get commitsCut() {
      return commitsCut;
    },
    get connections() {
      return connections.size;
    },
    get hanging() {
      return clients.size - connections.size;
    },
    async close() {
      proxy.heal();
      const closed = once(server, "close");
      server.close();
      proxy.reset();
      for (const client of clients) client.destroy(); // Those left hanging are in no connection any more.
      await closed;
    },
  };
  return proxy;
}

/**
 * Watches what a client sends to PostgreSQL; returns a function that says which answers will be those to the commits that
 * a chunk completes, counted from 1.
 *
 * A commit is a simple query `commit`, or the Sync after a Bind of one of the named statements. Answers are counted by
 * their ends: one for the startup, one for each simple query and each Sync.
 */
export function openCommitWatch(committing: readonly string[]): (chunk: Buffer) => number[] {
  const messages = openMessages({ startup: true });
  let answers = 0;
  let bound = false;
  return (chunk) => {
    const commits: number[] = [];
    for (const { type, body } of messages(chunk)) {
      if (type === "B") {
        const portal = textAt(body, 0);
        bound ||= committing.includes(textAt(body, Buffer.byteLength(portal) + 1));
      }
      if (type !== "startup" && type !== "Q" && type !== "S") continue;
      answers++;
      const asked = type === "Q" && textAt(body, 0).trim().toLowerCase() === "commit";
      if (asked || (type === "S" && bound)) commits.push(answers);
      if (type === "S") bound = false;
    }
    return commits;
  };
}

/** Watches what PostgreSQL sends; returns a function that counts the answers that are complete with a chunk. */
function openAnswerCount(): (chunk: Buffer) => number {
  const messages = openMessages({ startup: false });
  let answers = 0;
  return (chunk) => {
    for (const { type } of messages(chunk)) if (type === "Z") answers++;
    return answers;
  };
}

const startupHeaderBytes = 4;
const headerBytes = 5;

/** Takes one side's bytes apart; `startup`: the first message has no type. */
function openMessages(side: {
  startup: boolean;
}): (chunk: Buffer) => { type: string; body: Buffer }[] {
  let pending: Buffer = Buffer.alloc(0);
  let started = !side.startup;
  return (chunk) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    const complete: { type: string; body: Buffer }[] = [];
    for (;;) {
      const header = started ? headerBytes : startupHeaderBytes;
      if (pending.length < header) return complete;
      const length = pending.readInt32BE(header - 4) + (started ? 1 : 0);
      if (pending.length < length) return complete;
      const type = started ? String.fromCharCode(pending[0] ?? 0) : "startup";
      complete.push({ type, body: pending.subarray(header, length) });
      pending = pending.subarray(length);
      started = true;
    }
  };
}

/** The zero-terminated text at an offset. */
function textAt(bytes: Buffer, offset: number): string {
  const end = bytes.indexOf(0, offset);
  return bytes.toString("utf8", offset, end === -1 ? bytes.length : end);
}
