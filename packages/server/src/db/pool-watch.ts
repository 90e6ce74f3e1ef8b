import type pg from "pg";

/** How many connections a pool has, how many of them are free, and how many callers wait for one. */
export type PoolCounts = Pick<pg.Pool, "totalCount" | "idleCount" | "waitingCount">;

/** Told of how pools are used, by their names in pg_stat_activity. */
export type PoolWatch = {
  /** A pool is there, and can be asked from now on. */
  opened(name: string, counts: PoolCounts): void;
  /** A caller found no connection free, and has waited so long for one. */
  waited(name: string, ms: number): void;
};

type Callback = (...args: unknown[]) => void;

/** Measures how long callers wait for a connection of this pool. Who finds one free costs nothing. */
export function watchPool(pool: pg.Pool, name: string, watch: PoolWatch): void {
  watch.opened(name, pool);
  const connect = pool.connect.bind(pool) as (callback?: Callback) => Promise<pg.PoolClient>;
  // The pool's own `query` comes by here as well, with a callback.
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
