import type pg from "pg";

/** How many connections a pool has, how many of them are free, and how many callers wait for one. */
export type PoolCounts = Pick<pg.Pool, "totalCount" | "idleCount" | "waitingCount">;

/** Observes the use of pools, by their names in pg_stat_activity. */
export type PoolWatch = {
  /** A pool was opened; its counts can be read from now on. */
  opened(name: string, counts: PoolCounts): void;
  /** A caller found no free connection, and waited this long for one. */
  waited(name: string, ms: number): void;
};

type Callback = (...args: unknown[]) => void;

/** Measures how long callers wait for a connection of this pool. With a free connection it costs nothing. */
export function watchPool(pool: pg.Pool, name: string, watch: PoolWatch): void {
  watch.opened(name, pool);
  const connect = pool.connect.bind(pool) as (callback?: Callback) => Promise<pg.PoolClient>;
  // The pool's own `query` calls this too, with a callback.
  const measured = (callback?: Callback): Promise<pg.PoolClient> => {
    if (pool.idleCount > 0) return connect(callback);
    const askedAtMs = performance.now();
    const got = () => watch.waited(name, performance.now() - askedAtMs);
    if (!callback) return connect().finally(got);
    return connect((...args) => {
      got();
      callback(...args);
    });
  };
  Object.assign(pool, { connect: measured });
}
