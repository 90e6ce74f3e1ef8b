/** The doctor's checks, in order: an earlier problem can be the cause of a later one. */
export const checkNames = [
  "settings",
  "connection",
  "versions",
  "read_write",
  "connections",
  "shared_buffers",
  "checksums",
  "fsync",
  "jit",
  "clock",
  "migrations",
  "roles",
  "row_security",
  "encryption_keys",
  "standby",
  "partitions",
  "autovacuum",
  "egress",
  "endpoints",
  "lag",
] as const;
export type CheckName = (typeof checkNames)[number];

/** `problem`: the service does not work, or may lose something. `skipped`: another problem must be fixed first. */
export const levels = ["ok", "warning", "problem", "skipped"] as const;
export type Level = (typeof levels)[number];

/** The result of one check: one or two sentences without secrets, and what to do about it. */
export type Finding = { check: CheckName; level: Level; says: string; mend: string | null };

/** A finding without a problem. */
export const ok = (check: CheckName, says: string): Finding => ({
  check,
  level: "ok",
  says,
  mend: null,
});

/** A finding that it works, but should be improved. */
export const warning = (check: CheckName, says: string, mend: string): Finding => ({
  check,
  level: "warning",
  says,
  mend,
});

/** A finding that it does not work, or that something may be lost. */
export const problem = (check: CheckName, says: string, mend: string): Finding => ({
  check,
  level: "problem",
  says,
  mend,
});

/** It was not checked. */
export const skipped = (check: CheckName, says: string): Finding => ({
  check,
  level: "skipped",
  says,
  mend: null,
});

/** Decides the exit code: 1 when something is wrong; warnings are allowed. */
export const exitCodeOf = (findings: readonly Finding[]): 0 | 1 =>
  findings.some(({ level }) => level === "problem") ? 1 : 0;

/** Writes a count with its noun, such as `1 table` and `2 tables`. */
export const counted = (count: number, noun: string): string =>
  `${count} ${noun}${count === 1 ? "" : "s"}`;

const steps = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
] as const;

/** Writes a duration in the largest unit of which it has about two or more, such as `90 minutes`. */
export function lasting(seconds: number): string {
  const [unit, length] = steps.find(([, length]) => seconds >= 1.9 * length) ?? ["second", 1];
  return counted(Math.round(seconds / length), unit);
}

/** Decides the finding for a check that could not read its values: they may be wrong. */
export function unread(check: CheckName, reason: string, essential: boolean): Finding {
  const says = `This could not be read: ${reason.replace(/[.]$/, "")}.`;
  const mend = /timeout|no answer/.test(reason)
    ? "Find the session that blocks this check: select pid, pg_blocking_pids(pid), query from pg_stat_activity; or run this again when the load is lower."
    : "Check the log of PostgreSQL. The user in DATABASE_URL must be the user that ran: postrider migrate.";
  return (essential ? problem : warning)(check, says, mend);
}

/** Decides why a check must be skipped; undefined if it can run. */
export function whySkipped(
  needs: "nothing" | "database" | "tables",
  { reached, migrated }: { reached: boolean; migrated: boolean },
): string | undefined {
  if (needs === "nothing") return undefined;
  if (!reached) return "Skipped: the database cannot be reached.";
  if (needs === "tables" && !migrated) return "Skipped: the migrations must be applied first.";
  return undefined;
}
