import type pg from "pg";
import { fellSilent, isFollowUp, leadsToStandby } from "./errors.ts";
import { type RunQuery, type Sql, statementRunner } from "./sql.ts";

/**
 * A statement runner inside somebody's transaction. Who takes a `Tx` cannot be called outside of one.
 *
 * Statements started without waiting for the one before travel together and run in their order; when one fails, those
 * behind it do too.
 */
export type Tx = Sql & {
  /** When the transaction began by the database's clock, which is the one that counts, in whole milliseconds. */
  readonly now: Promise<Date>;
  /**
   * Sends COMMIT right behind the statements on their way, which `written` waits for; no statement may follow.
   * `beforeCommit` is called when they have left and COMMIT has not.
   */
  commitBehind<T>(written: Promise<T>, beforeCommit?: () => void): Promise<T>;
};

/** Runs `work` in one transaction on a connection of the pool; `opening` begins it and gives the time. */
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
    // A connection that cannot even roll back is thrown away; one that fell silent is not asked to. One that leads to a
    // standby goes as well: the next may lead to the primary.
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
 * Lets what is sent from now on, until all that can run has run, leave in one write: each write wakes PostgreSQL, which
 * costs both sides as much as a small statement.
 */
function sendTogether({ connection: { stream } }: pg.PoolClient): void {
  if (stream.writableCorked > 0) return;
  stream.cork();
  process.nextTick(() => stream.uncork());
}

/** Begins, and asks for the time in the same round trip. */
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
  /** What the first statement that failed has failed with; whoever waits for several may see a later one first. */
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
        // What fails before it leaves aborts nothing in PostgreSQL; it is known when all that can run has run. By then
        // what is on its way has left: `sendTogether` waits for the same turn, and did so before.
        await new Promise<void>((resolve) => process.nextTick(resolve));
        if (failed) return await written;
        beforeCommit?.();
        // The statement that failed has more to say than a commit that became a rollback because of it.
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
