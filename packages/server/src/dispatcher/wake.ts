import { setTimeout as pause } from "node:timers/promises";
import type pg from "pg";
import { clientOf } from "../db/connect.ts";
import { lockAsOwner } from "../db/lease-owners.ts";
import { prepareSession } from "../db/session.ts";

/** What one process tells the others. A hint only: who misses it finds out by polling or when a cache ages. */
export type Notification =
  /** Deliveries fell due out of turn. */
  | { due: string }
  /** A subscription was changed, disabled, deleted, or its secret rotated. */
  | { subscription: string }
  /** A replay was asked for. */
  | { replay: string }
  /** There is something to tell operators. */
  | { operational: string }
  /** There is a request for a listener. */
  | { listener: string }
  /** A listener has answered a request. */
  | { answered: string };

/** Hears what other processes notify, for as long as it is open. */
export type Wake = { close(): Promise<void> };

export type WakeDeps = {
  databaseUrl: string;
  /** Whose lock the connection holds for as long as it lasts; see `ownership.ts`. */
  leaseOwner: string;
  onNotification: (notification: Notification) => void;
  /** The line was down: anything may have been missed. */
  onGap: () => void;
  onError: (error: unknown) => void;
};

const reconnectDelayMs = 1_000;
const statementTimeoutMs = 10_000;

/** Listens on a connection of its own, which is also the session that says that this process lives; connects again whenever that is lost. */
export function openWake(deps: WakeDeps): Wake {
  let closing = false;
  let client: pg.Client | undefined;
  let timer: NodeJS.Timeout | undefined;

  async function connect(): Promise<void> {
    const next = clientOf(deps.databaseUrl, {
      application_name: "postrider listen",
      keepAlive: true,
      connectionTimeoutMillis: 10_000,
    });
    client = next;
    next.on("error", deps.onError);
    next.on("end", reconnect);
    next.on("notification", ({ payload }) => {
      const notification = parseNotification(payload ?? "");
      if (notification) deps.onNotification(notification);
    });
    await next.connect();
    await prepareSession(next, { statementTimeoutMs });
    // An earlier session of this process, of which the server has not noticed that it ended, may have the lock still.
    let locked = await lockAsOwner(next, deps.leaseOwner);
    await next.query("listen postrider");
    deps.onGap();
    while (!locked) {
      await pause(reconnectDelayMs, undefined, { ref: false });
      // Asked on a session that is lost, it would fail, and end the one that took its place.
      if (client !== next || closing) return;
      locked = await lockAsOwner(next, deps.leaseOwner);
    }
  }

  function reconnect(): void {
    if (closing || timer) return;
    timer = setTimeout(() => {
      timer = undefined;
      tryConnect();
    }, reconnectDelayMs);
  }

  function tryConnect(): void {
    connect().catch((error) => {
      if (closing) return;
      deps.onError(error);
      client?.end().catch(() => {});
      reconnect();
    });
  }

  tryConnect();
  return {
    async close() {
      closing = true;
      clearTimeout(timer);
      await client?.end().catch(() => {});
    },
  };
}

const kinds = ["due", "subscription", "replay", "operational", "listener", "answered"];

function parseNotification(payload: string): Notification | undefined {
  try {
    const value: unknown = JSON.parse(payload);
    if (typeof value !== "object" || value === null) return undefined;
    const [told] = Object.entries(value);
    const known = told && kinds.includes(told[0]) && typeof told[1] === "string";
    return known ? ({ [told[0]]: told[1] } as Notification) : undefined;
  } catch {
    return undefined;
  }
}
