/** The SQLSTATE of a database error, such as "23505"; undefined when it is not an error of the database. */
export function sqlState(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** Says whether the transaction can be run again: serialization failure or deadlock (SQLSTATE class 40). */
export const isRetryable = (error: unknown): boolean => sqlState(error)?.startsWith("40") ?? false;

/** Says whether a row with this key exists already (SQLSTATE 23505): it was inserted after it was looked for. */
export const isDuplicate = (error: unknown): boolean => sqlState(error) === "23505";

/**
 * Says whether an error means that the database is away or accepts no writes, and not that the statement is wrong.
 *
 * Connection errors (class 08, sockets), refused connections (28, 3D, 55000), shutdown and start-up (57P), resources
 * (53), read-only standby (25006), a connection that the server ended because it was idle (25P03).
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
 * Says whether an error means that the database will soon be back: it restarts, fails over, or ended this connection. A
 * lack of connections, a full disk and a wrong password do not end by themselves.
 */
export const isAway = (error: unknown): boolean =>
  isStorageUnavailable(error) && !/^(28|3D|53|55000)/.test(sqlState(error) ?? "");

/** Says whether a statement was cancelled because it took too long (statement or lock timeout). */
export function isTimeout(error: unknown): boolean {
  const state = sqlState(error);
  return state === "57014" || state === "55P03";
}

/** Says whether a connection gave no answer within `query_timeout`: further statements on it would get none either. */
export const fellSilent = (error: unknown): error is Error =>
  error instanceof Error && error.message === "Query read timeout";

/** Says whether the server accepts no writes (25006). */
export const leadsToStandby = (error: unknown): error is Error => sqlState(error) === "25006";

/** Says whether a statement was refused only because one before it in its transaction had failed (25P02). */
export const isFollowUp = (error: unknown): boolean => sqlState(error) === "25P02";
