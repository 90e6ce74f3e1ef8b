/** The SQLSTATE of a database error, such as "23505"; undefined when the error is none of the database's. */
export function sqlState(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** Says whether the transaction may simply be run again: serialization failure or deadlock (SQLSTATE class 40). */
export const isRetryable = (error: unknown): boolean => sqlState(error)?.startsWith("40") ?? false;

/** Says whether a row of this key is there already (SQLSTATE 23505): it was inserted since it was looked for. */
export const isDuplicate = (error: unknown): boolean => sqlState(error) === "23505";

/**
 * Says whether an error means "the database is not there or will not write", as opposed to "this statement is wrong".
 *
 * Connection errors (class 08, sockets), refused connections (28, 3D, 55000), shutdown and start-up (57P), resources
 * (53), read-only standby (25006), a connection that the server ended for standing still (25P03).
 */
export function isStorageUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const state = sqlState(error);
  if (state !== undefined && /^(08|28|3D|53|55000|57P|25006|25P03)/.test(state)) return true;
  const code = (error as { code?: unknown }).code;
  if (
    typeof code === "string" &&
    /^(ECONN|ETIMEDOUT|EPIPE|ENOENT|EHOST|ENET|ENOTFOUND|EAI_AGAIN)/.test(code)
  )
    return true;
  return /connection terminated|timeout expired|timeout exceeded when trying to connect|client has encountered a connection error|pool after calling end|query read timeout/i.test(
    error.message,
  );
}

/**
 * Says whether an error means "the database will soon be there again": it restarts, fails over, or ended our connection. No
 * place for one more connection, a full disk and a wrong password do not pass by themselves.
 */
export const isAway = (error: unknown): boolean =>
  isStorageUnavailable(error) && !/^(28|3D|53|55000)/.test(sqlState(error) ?? "");

/** Says whether a statement was cancelled because it took too long (statement or lock timeout). */
export function isTimeout(error: unknown): boolean {
  const state = sqlState(error);
  return state === "57014" || state === "55P03";
}

/** Says whether no answer came over a connection within `query_timeout`: the next one would not come either. */
export const fellSilent = (error: unknown): error is Error =>
  error instanceof Error && error.message === "Query read timeout";

/** Says whether the server takes no writes (25006). */
export const leadsToStandby = (error: unknown): error is Error => sqlState(error) === "25006";

/** Says whether a statement was refused only because one before it in its transaction had failed (25P02). */
export const isFollowUp = (error: unknown): boolean => sqlState(error) === "25P02";
