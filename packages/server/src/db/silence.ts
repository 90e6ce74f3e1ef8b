import type pg from "pg";
import { fellSilent } from "./errors.ts";

/** The open pools, by the URL of their database. */
const poolsByUrl = new Map<string, Set<pg.Pool>>();

/**
 * Closes what is idle in all pools of a database when a connection of one of them gave no answer.
 *
 * A gateway that forgot its connections, or a server that went away without a word, leaves all of them dead. The next statement would
 * take one of these, and would wait for its time limit again.
 */
export function closeIdleAfterSilence(pool: pg.Pool, databaseUrl: string): { forget(): void } {
  const pools = poolsByUrl.get(databaseUrl) ?? new Set();
  poolsByUrl.set(databaseUrl, pools.add(pool));
  pool.on("release", (error: unknown) => {
    if (fellSilent(error)) for (const one of pools) closeIdle(one);
  });
  return {
    forget() {
      pools.delete(pool);
      if (pools.size === 0) poolsByUrl.delete(databaseUrl);
    },
  };
}

function closeIdle(pool: pg.Pool): void {
  for (let left = pool.idleCount; left > 0; left--) {
    pool.connect().then(
      (client) => {
        client.release(true);
        // Its farewell has no answer either.
        client.connection.stream.destroy();
      },
      () => {}, // The pool closes.
    );
  }
}
