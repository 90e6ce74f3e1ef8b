import { counted, type Finding, lasting, ok, problem, warning } from "./finding.ts";

/** This version's migrations, compared with those that the database has applied. */
export type MigrationsReading = {
  known: number;
  /** The names of migrations that were not applied. */
  pending: readonly string[];
  /** Migrations of a later version that the database has. */
  later: number;
  /** One sentence about a migration that was applied with a different text than it has here. */
  edited?: string;
};

/** The roles that the service uses. */
export type RolesReading = {
  /** The user of DATABASE_URL, quoted. */
  user: string;
  /** SQL statements that would create what is missing. */
  statements: readonly string[];
};

/** The state of row security. */
export type WallReading = {
  /** Grants, policies and row security of tables that this version's schema has and the database lacks. */
  missingRules: readonly string[];
  /** Whether a connection of the API really sees only its own team's rows, whatever the catalogue says. */
  holds: boolean;
};

/** Keys by their ids, which are no secrets. */
export type KeysReading = {
  /** The keys of the settings, the one that seals first; empty: none was given. */
  given: readonly string[];
  /** The keys with which something is sealed, as the database records it. */
  sealedWith: readonly string[];
  /** Keys of `sealedWith` that were not given. */
  missing: readonly string[];
  /** Secrets of subscriptions that were sealed with a key that is not given. */
  unopened: number;
};

/** The daily partitions of one table. */
export type PartitionsReading = {
  table: string;
  /** Days without a gap from today on, today included. */
  daysAhead: number;
  /** Age of the oldest day in days; null: there is none. */
  oldestAgeDays: number | null;
  /** Some rows are outside all daily partitions. */
  strayRows: boolean;
};

/** Values that show whether autovacuum removes old row versions. */
export type AutovacuumReading = {
  /** Tables of the service for which it is turned off. */
  excepted: readonly string[];
  /** The age of the oldest open transaction in seconds; null: none, or not visible. */
  oldestTransactionSeconds: number | null;
  /** The used share of transaction ids, from 0 to 1. */
  wraparound: number;
};

const migrateCommand = "Run: postrider migrate";

/** Decides whether the schema is this version's. */
export function examineMigrations(reading: MigrationsReading): Finding {
  const check = "migrations";
  const { known, pending, later, edited } = reading;
  if (edited !== undefined) {
    const mend = "Use an unmodified release of Postrider, or restore a dump from before the edit.";
    return problem(check, edited, mend);
  }
  const [first] = pending;
  if (first !== undefined) {
    const says = `The database lacks ${counted(pending.length, "migration")} of ${known}, from ${first} on.`;
    return problem(check, says, migrateCommand);
  }
  const newer = later === 0 ? "" : `; the database has ${later} more of a later version`;
  return ok(check, `All ${known} migrations are applied${newer}.`);
}

/** Decides whether the roles that the service uses exist. */
export function examineRoles({ user, statements }: RolesReading): Finding {
  const check = "roles";
  if (statements.length === 0) {
    return ok(check, `${user} can use all roles, and none of them bypasses row security.`);
  }
  return problem(
    check,
    "The roles that isolate teams are missing or wrong.",
    `${migrateCommand}; or ask an administrator to run in the database: ${statements.join("; ")};`,
  );
}

/** Decides whether the database itself hides other teams' rows. */
export function examineRowSecurity({ missingRules, holds }: WallReading): Finding {
  const check = "row_security";
  const [first] = missingRules;
  if (first !== undefined) {
    const says = `Row security lacks ${counted(missingRules.length, "statement")}, such as: ${first}`;
    return problem(check, says, migrateCommand);
  }
  if (!holds) {
    return problem(
      check,
      "Row security does not work for the API's connections, although all policies exist.",
      "Remove superuser and bypassrls from the role postrider_team. The role must not own the tables.",
    );
  }
  return ok(check, "Row security works in every table with a team.");
}

/** Decides whether everything that is sealed can be opened. */
export function examineKeys({ given, sealedWith, missing, unopened }: KeysReading): Finding {
  const check = "encryption_keys";
  if (given.length === 0 && sealedWith.length === 0) {
    return ok(check, "No key is set, and nothing is encrypted.");
  }
  if (missing.length > 0) {
    return problem(
      check,
      `The database holds secrets encrypted with ${keys(missing)}; POSTRIDER_ENCRYPTION_KEY has ${given.length === 0 ? "no key" : keys(given)}.`,
      `Add ${missing.length === 1 ? "that key" : "those keys"} after the first one in POSTRIDER_ENCRYPTION_KEY. Without ${missing.length === 1 ? "it" : "them"} these secrets are lost.`,
    );
  }
  if (unopened > 0) {
    return problem(
      check,
      `${counted(unopened, "subscription")} have secrets that no key in POSTRIDER_ENCRYPTION_KEY can decrypt.`,
      "Add the key that encrypted them after the first one, or set new secrets.",
    );
  }
  const unused = given.slice(1).filter((id) => !sealedWith.includes(id));
  const spare =
    unused.length === 0 ? "" : `; nothing is encrypted with ${keys(unused)}, which can be removed`;
  return ok(check, `The keys decrypt all encrypted values${spare}.`);
}

const keys = (ids: readonly string[]): string =>
  `${ids.length === 1 ? "key" : "keys"} ${ids.join(", ")}`;

const daysAheadMin = 3;
/** The janitor runs every minute; it keeps a day as long as deliveries of that day wait. */
const overdueDaysMax = 3;

/** Decides whether the partitions of the next days exist and old ones are dropped. A start creates missing partitions. */
export function examinePartitions(
  readings: readonly PartitionsReading[],
  { retentionDays, processes }: { retentionDays: number; processes: number },
): Finding[] {
  const check = "partitions";
  const janitor =
    "The janitor of one process does this every minute. Search the logs for the word janitor.";
  const findings = readings.flatMap(({ table, daysAhead, oldestAgeDays, strayRows }) => {
    const found: Finding[] = [];
    if (processes > 0 && daysAhead === 0) {
      found.push(problem(check, `${table} has no partition for today.`, janitor));
    } else if (processes > 0 && daysAhead < daysAheadMin) {
      const says = `${table} has partitions for ${counted(daysAhead, "day")}, today included; there should be 8.`;
      found.push(warning(check, says, janitor));
    }
    if (processes > 0 && strayRows) {
      const says = `${table}_default holds rows. They move when their day has a partition; until then, they cannot be dropped with it.`;
      found.push(warning(check, says, janitor));
    }
    if (oldestAgeDays !== null && oldestAgeDays > retentionDays + overdueDaysMax) {
      found.push(
        warning(
          check,
          `${table} keeps a day that is ${oldestAgeDays} days old; POSTRIDER_RETENTION_DAYS is ${retentionDays}.`,
          `Deliveries of that day are still pending, or no janitor runs. ${janitor}`,
        ),
      );
    }
    return found;
  });
  if (findings.length > 0) return findings;
  const says =
    processes === 0 && readings.some(({ daysAhead }) => daysAhead < daysAheadMin)
      ? "The next process that starts creates the partitions for the next days."
      : "Partitions for the next days exist, and none is past the retention.";
  return [ok(check, says)];
}

const transactionSecondsMax = 3_600;
const wraparoundShare = { warning: 0.5, problem: 0.75 };

/** Decides whether PostgreSQL removes old row versions. If it does not, every table grows and slows down. */
export function examineAutovacuum(
  server: { autovacuum: boolean; trackCounts: boolean },
  { excepted, oldestTransactionSeconds, wraparound }: AutovacuumReading,
): Finding[] {
  const check = "autovacuum";
  const findings: Finding[] = [];
  if (!server.autovacuum || !server.trackCounts) {
    findings.push(
      problem(
        check,
        `${server.autovacuum ? "track_counts" : "autovacuum"} is off: tables grow without limit, and lists and claims slow down.`,
        "Set autovacuum = on and track_counts = on, and reload PostgreSQL.",
      ),
    );
  }
  if (excepted.length > 0) {
    const mend = excepted.map((table) => `alter table ${table} reset (autovacuum_enabled)`);
    findings.push(
      warning(check, `autovacuum is off for ${excepted.join(", ")}.`, `Run: ${mend.join("; ")};`),
    );
  }
  if (oldestTransactionSeconds !== null && oldestTransactionSeconds > transactionSecondsMax) {
    findings.push(
      warning(
        check,
        `A transaction has been open for ${lasting(oldestTransactionSeconds)}: until it ends, vacuum cannot remove row versions that were replaced since then.`,
        "Find it with: select pid, application_name, xact_start from pg_stat_activity order by xact_start; and end it with pg_terminate_backend.",
      ),
    );
  }
  const share = `${Math.round(wraparound * 100)} % of the transaction ids are used up`;
  const freeze = "Run vacuum freeze in this database, and find out what blocks autovacuum.";
  if (wraparound > wraparoundShare.problem) {
    findings.push(problem(check, `${share}: at 100 % PostgreSQL writes no more.`, freeze));
  } else if (wraparound > wraparoundShare.warning) {
    findings.push(warning(check, `${share}.`, freeze));
  }
  return findings.length > 0 ? findings : [ok(check, "autovacuum is on, for every table.")];
}
