import { setTimeout as pause } from "node:timers/promises";
import type pg from "pg";
import { clientOf } from "../db/connect.ts";
import { lockAsOwner } from "../db/lease-owners.ts";
import { prepareSession } from "../db/session.ts";

/** A notification between processes. It is only a hint: a process that misses it polls, and its caches expire. */
export type Notification =
  /** Deliveries became due earlier than planned. */
  | { due: string }
  /** A subscription was changed, disabled, deleted, or its secret rotated. */
  | { subscription: string }
  /** A replay was asked for. */
  | { replay: string }
  /** There is a happening for operators. */
  | { operational: string }
  /** There is a request for a listener. */
  | { listener: string }
  /** A listener has answered a request. */
  | { answered: string };

/** Hears what other processes notify, for as long as it is open. */
export type Wake = { close(): Promise<void> };

export type WakeDeps = {
  databaseUrl: string;
  /** The lease owner whose lock the connection holds while it is open; see `ownership.ts`. */
  leaseOwner: string;
  onNotification: (notification: Notification) => void;
  /** Called after the connection was lost: notifications may have been missed. */
  onGap: () => void;
  onError: (error: unknown) => void;
};

const reconnectDelayMs = 1_000;
const statementTimeoutMs = 10_000;

/** Listens on a connection of its own, and connects again when it is lost. Its session also shows that this process is alive. */
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
    // An earlier session of this process may still hold the lock if the server has not noticed its end.
    let locked = await lockAsOwner(next, deps.leaseOwner);
    await next.query("listen postrider");
    deps.onGap();
    while (!locked) {
      await pause(reconnectDelayMs, undefined, { ref: false });
      // On a lost session it would fail, and end the session that replaced it.
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
