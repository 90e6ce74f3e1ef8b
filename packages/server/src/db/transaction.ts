import type pg from "pg";
import { fellSilent, isFollowUp, leadsToStandby } from "./errors.ts";
import { type RunQuery, type Sql, statementRunner } from "./sql.ts";

/**
 * A statement runner inside a transaction. A function with a `Tx` argument cannot be called outside of one.
 *
 * Statements that are started without awaiting the previous one are sent together and run in order; when one fails, the
 * later ones fail too.
 */
export type Tx = Sql & {
  /** When the transaction began by the database's clock, in whole milliseconds. */
  readonly now: Promise<Date>;
  /**
   * Sends COMMIT right after the sent statements, which `written` awaits; no statement may follow. `beforeCommit` is
   * called when they were sent and COMMIT was not.
   */
  commitBehind<T>(written: Promise<T>, beforeCommit?: () => void): Promise<T>;
};

/** Runs `work` in one transaction on a connection of the pool; `opening` begins it and returns the time. */
export async function transact<T>(
  pool: pg.Pool,
  opening: string,
  work: (tx: Tx, run: RunQuery) => Promise<T>,
  mayStartAtOnce: boolean,
): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  let transaction: Transaction | undefined;
  try {
    const now = begin(client, opening);
    transaction = openTransaction(client, now);
    const { tx, run, committed } = transaction;
    if (mayStartAtOnce) now.catch(() => {});
    else await now;
    const result = await work(tx, run);
    if (!committed()) await tx.commitBehind(Promise.resolve());
    await now;
    return result;
  } catch (error) {
    // A connection that cannot roll back is closed; a silent one is closed without a try. A connection to a standby is
    // closed too: the next may reach the primary.
    if (fellSilent(error) || leadsToStandby(error)) broken = error;
    else {
      await client.query("rollback").catch((failure: Error) => {
        broken = failure;
      });
    }
    throw isFollowUp(error) ? (transaction?.firstFailure() ?? error) : error;
  } finally {
    client.release(broken);
  }
}

/**
 * Sends all statements of this turn of the event loop in one write: each write wakes PostgreSQL, which costs both sides
 * as much as a small statement.
 */
function sendTogether({ connection: { stream } }: pg.PoolClient): void {
  if (stream.writableCorked > 0) return;
  stream.cork();
  process.nextTick(() => stream.uncork());
}

/** Begins, and reads the time in the same round trip. */
async function begin(client: pg.PoolClient, opening: string): Promise<Date> {
  sendTogether(client);
  const results: unknown = await client.query(opening);
  const [, { rows }] = results as [pg.QueryResult, pg.QueryResult<{ now: Date }>];
  const [row] = rows;
  if (!row) throw new Error("select now() returned no row");
  return row.now;
}

type Transaction = {
  tx: Tx;
  run: RunQuery;
  committed: () => boolean;
  /** The error of the first failed statement; a caller that awaits several may see a later error first. */
  firstFailure: () => unknown;
};

function openTransaction(client: pg.PoolClient, now: Promise<Date>): Transaction {
  let committed = false;
  let firstFailure: unknown;
  const run: RunQuery = (query) => {
    // It would run on its own, outside of the transaction.
    if (committed) throw new Error("a statement came after the commit");
    sendTogether(client);
    const answer = client.query(query);
    answer.catch((error) => {
      firstFailure ??= error;
    });
    return answer;
  };
  const tx = Object.defineProperties(statementRunner(run), {
    now: { value: now },
    commitBehind: {
      async value<T>(written: Promise<T>, beforeCommit?: () => void): Promise<T> {
        committed = true;
        let failed = false;
        written.catch(() => {
          failed = true;
        });
        // A statement that fails before it is sent aborts nothing in PostgreSQL; such an error is known after this turn.
        // By then the other statements were sent: `sendTogether` waits for the same turn, and began earlier.
        await new Promise<void>((resolve) => process.nextTick(resolve));
        if (failed) return await written;
        beforeCommit?.();
        // The error of the failed statement is more useful than that of the commit that became a rollback.
        const [result, commit] = await Promise.allSettled([written, client.query("commit")]);
        if (result.status === "rejected") throw result.reason;
        if (commit.status === "rejected") throw commit.reason;
        if (commit.value.command !== "COMMIT") throw new Error("the transaction was rolled back");
        return result.value;
      },
    },
  }) as Tx;
  return { tx, run, committed: () => committed, firstFailure: () => firstFailure };
}
