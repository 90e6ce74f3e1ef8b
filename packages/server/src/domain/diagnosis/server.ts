import { type Finding, lasting, ok, problem, warning } from "./finding.ts";

/** How PostgreSQL is set up, as a connection of the service sees it. */
export type ServerReading = {
  /** The server's version as text, and as a number: 150004 for 15.4. */
  version: string;
  versionNumber: number;
  encoding: string;
  isStandby: boolean;
  isReadOnly: boolean;
  sharedBuffersBytes: number;
  databaseBytes: number;
  checksums: boolean;
  fsync: boolean;
  fullPageWrites: boolean;
  /** On the service's own connections. */
  jit: boolean;
  autovacuum: boolean;
  trackCounts: boolean;
};

/** The connections that PostgreSQL allows, and who uses them; -1: without a limit. */
export type ConnectionsReading = {
  connectionsMax: number;
  /** Reserved for other users than this one. */
  reserved: number;
  userMax: number;
  databaseMax: number;
  /** In use now by other programs than Postrider. */
  others: number;
  /** Processes of Postrider that are connected. */
  processes: number;
};

const postgresMin = 140_000;
const nodeMin = [20, 19] as const;

/** Decides on the versions of Node and PostgreSQL. */
export function examineVersions(
  { version, versionNumber, encoding }: ServerReading,
  own: { postrider: string; node: string },
): Finding[] {
  const check = "versions";
  const findings: Finding[] = [];
  const [major = 0, minor = 0] = own.node.split(".").map(Number);
  const [majorMin, minorMin] = nodeMin;
  if (major < majorMin || (major === majorMin && minor < minorMin)) {
    const says = `Node ${own.node} is too old: Postrider needs ${nodeMin.join(".")} or later.`;
    findings.push(problem(check, says, "Install a newer Node."));
  }
  if (versionNumber < postgresMin) {
    const says = `PostgreSQL ${version} is too old: Postrider needs 14 or later.`;
    findings.push(problem(check, says, "Upgrade PostgreSQL (pg_upgrade)."));
  }
  if (encoding !== "UTF8") {
    findings.push(
      problem(
        check,
        `The encoding of the database is ${encoding}: other characters cannot be recorded.`,
        "Create the database with encoding UTF8, and restore a dump into it.",
      ),
    );
  }
  const versions = `Postrider ${own.postrider}, Node ${own.node}, PostgreSQL ${version}`;
  return findings.length > 0 ? findings : [ok(check, `${versions}.`)];
}

/** Decides whether this server accepts writes. */
export function examineReadWrite({ isStandby, isReadOnly }: ServerReading): Finding {
  const check = "read_write";
  if (isStandby) {
    return problem(
      check,
      "DATABASE_URL points at a standby, which is read-only.",
      "Point DATABASE_URL at the primary, or list all hosts in it with target_session_attrs=read-write.",
    );
  }
  if (isReadOnly) {
    return problem(
      check,
      "Transactions are read-only (default_transaction_read_only), so no fact can be recorded.",
      "Find out who set it and why (a full disk, a replaced primary), then switch it off.",
    );
  }
  return ok(check, "The database can be written to.");
}

/** Decides whether there are enough connections for the running processes and for one more, which an upgrade starts. */
export function examineConnections(reading: ConnectionsReading, perProcess: number): Finding {
  const check = "connections";
  const { connectionsMax, reserved, userMax, databaseMax, others, processes } = reading;
  const limited = (max: number) => (max < 0 ? Number.POSITIVE_INFINITY : max);
  const limits = [
    { name: "max_connections", left: connectionsMax - reserved - others, altered: "" },
    { name: "the connection limit of this user", left: limited(userMax), altered: "role" },
    {
      name: "the connection limit of this database",
      left: limited(databaseMax),
      altered: "database",
    },
  ];
  const { name, left, altered } = limits.reduce((one, other) =>
    other.left < one.left ? other : one,
  );
  const running = Math.max(processes, 1);
  const [needed, wanted] = [running * perProcess, (running + 1) * perProcess];
  const raise =
    altered === ""
      ? `Set max_connections to ${wanted + reserved + others} or more and restart PostgreSQL`
      : `Raise ${name} to ${wanted} or more (alter ${altered} … connection limit ${wanted})`;
  const mend = `${raise}, or set POSTRIDER_DATABASE_CONNECTIONS lower.`;
  const has = `PostgreSQL leaves ${Math.max(left, 0)} connections to Postrider (by ${name})`;
  const takes = `${running} process${running === 1 ? "" : "es"} of ${perProcess} connections`;
  if (left < needed) {
    return problem(check, `${has}, too few for ${takes}.`, mend);
  }
  if (left < wanted) {
    const says = `${has}: enough for ${takes}, but not for one more, which a rolling upgrade needs.`;
    return warning(check, says, mend);
  }
  return ok(check, `${has}, enough for ${takes} and one more.`);
}

const mebi = 1024 * 1024;
const buffersMin = 128 * mebi;
const largeDatabase = 1024 * mebi;

/** Decides whether PostgreSQL has enough shared memory. */
export function examineSharedBuffers({
  sharedBuffersBytes,
  databaseBytes,
}: ServerReading): Finding {
  const check = "shared_buffers";
  const has = `shared_buffers is ${sizeOf(sharedBuffersBytes)}, the database has ${sizeOf(databaseBytes)}`;
  const mend =
    "Set shared_buffers to a quarter of the memory of PostgreSQL's machine, and restart PostgreSQL.";
  if (sharedBuffersBytes < buffersMin) {
    return warning(check, `${has}: less than PostgreSQL's own default of 128 MB.`, mend);
  }
  if (sharedBuffersBytes === buffersMin && databaseBytes > largeDatabase) {
    return warning(check, `${has}: the default was never changed.`, mend);
  }
  return ok(check, `${has}.`);
}

const sizeOf = (bytes: number): string =>
  bytes >= 10 * 1024 * mebi
    ? `${Math.round(bytes / 1024 / mebi)} GB`
    : `${Math.round(bytes / mebi)} MB`;

/** Decides whether PostgreSQL notices a page that the disk has damaged. */
export function examineChecksums({ checksums }: ServerReading): Finding {
  const check = "checksums";
  return checksums
    ? ok(check, "Data checksums are on.")
    : warning(
        check,
        "Data checksums are off: PostgreSQL does not notice a page that the disk corrupted, and backups include it.",
        "Stop PostgreSQL, run pg_checksums --enable, and start it again; or use initdb --data-checksums for a new cluster.",
      );
}

/** Decides whether committed data survives a power failure. */
export function examineFsync({ fsync, fullPageWrites }: ServerReading): Finding {
  const check = "fsync";
  if (!fsync) {
    return problem(
      check,
      "fsync is off: a power cut loses acknowledged data and can corrupt the whole database.",
      "Set fsync = on in postgresql.conf and reload PostgreSQL.",
    );
  }
  if (!fullPageWrites) {
    return warning(
      check,
      "full_page_writes is off: after a power cut, half-written pages stay corrupted, unless the file system writes whole pages.",
      "Set full_page_writes = on and reload PostgreSQL, unless the data lie on ZFS or the like.",
    );
  }
  return ok(check, "fsync and full_page_writes are on.");
}

/** Decides whether JIT is on for the service's connections: to compile its statements takes longer than to run them. */
export function examineJit({ jit }: ServerReading): Finding {
  const check = "jit";
  return jit
    ? warning(
        check,
        "JIT compilation is on for Postrider's connections, although each connection switches it off.",
        "Find out what switches it on again: a pooler or an extension.",
      )
    : ok(check, "JIT compilation is off for Postrider's connections.");
}

const offsetSeconds = { warning: 2, problem: 60 };

/** Decides on the difference between this machine's clock and the database's. */
export function examineClock(reading: { offsetMs: number; roundTripMs: number }): Finding {
  const check = "clock";
  // Up to half of the round trip may be network delay and not the clock's difference.
  const seconds = Math.max(Math.abs(reading.offsetMs) - reading.roundTripMs / 2, 0) / 1_000;
  const direction = reading.offsetMs > 0 ? "behind" : "ahead of";
  const mend =
    "Synchronise both machines with NTP (chrony, systemd-timesyncd), and check which of the two was wrong.";
  if (seconds > offsetSeconds.problem) {
    const says = `The clock of this machine is ${lasting(seconds)} ${direction} PostgreSQL's: receivers refuse signatures whose timestamp is minutes off.`;
    return problem(check, says, mend);
  }
  if (seconds > offsetSeconds.warning) {
    return warning(
      check,
      `The clock of this machine is ${seconds.toFixed(1)} s ${direction} PostgreSQL's.`,
      mend,
    );
  }
  const withinMs = Math.max(1, Math.round(Math.abs(reading.offsetMs)));
  return ok(check, `Both clocks agree to within ${withinMs} ms.`);
}
