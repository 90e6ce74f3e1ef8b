import { expect, test } from "vitest";
import { connectionFailed } from "../../src/domain/diagnosis/connection.ts";
import {
  exitCodeOf,
  type Finding,
  type Level,
  lasting,
  ok,
  problem,
  skipped,
  unread,
  warning,
  whySkipped,
} from "../../src/domain/diagnosis/finding.ts";
import * as schema from "../../src/domain/diagnosis/schema.ts";
import * as server from "../../src/domain/diagnosis/server.ts";
import { examineStandby, type StandbyReading } from "../../src/domain/diagnosis/standby.ts";
import * as work from "../../src/domain/diagnosis/work.ts";

const mebi = 1024 * 1024;
const well: server.ServerReading = {
  version: "15.4",
  versionNumber: 150_004,
  encoding: "UTF8",
  isStandby: false,
  isReadOnly: false,
  sharedBuffersBytes: 1024 * mebi,
  databaseBytes: 100 * mebi,
  checksums: true,
  fsync: true,
  fullPageWrites: true,
  jit: false,
  autovacuum: true,
  trackCounts: true,
};
const plenty: server.ConnectionsReading = {
  connectionsMax: 100,
  reserved: 3,
  userMax: -1,
  databaseMax: -1,
  others: 5,
  processes: 1,
};
const own = { postrider: "1.0.0", node: "20.19.0" };
const partitioned = { table: "events", daysAhead: 8, oldestAgeDays: 30, strayRows: false };
const vacuumed = { excepted: [], oldestTransactionSeconds: 10, wraparound: 0.1 };
const kept = { retentionDays: 30, processes: 1 };
const keys = { given: ["aa"], sealedWith: ["aa"], missing: [], unopened: 0 };
const answered = {
  kind: "answered",
  host: "a.example.com",
  latencyMs: 12.3,
  proxy: false,
} as const;
const unanswered = {
  kind: "unanswered",
  host: "a.example.com",
  reason: "dns_error",
  detail: "The host name does not exist (NXDOMAIN).",
  proxy: false,
} as const;
const unasked = { kind: "unasked", proxy: undefined, names: undefined } as const;
const proxied = { place: "proxy:3128", failure: undefined };
const overdue = { processes: 1, endpoints: 1, oldestSeconds: 61 };
const one = { id: "e1", teamId: "t1", host: "a.example.com", failingSeconds: 7_200 };

/** What was read, what it comes to, and what the sentence or its remedy has to name. */
const table: (readonly [name: string, found: Finding | Finding[], Level, RegExp])[] = [
  [
    "the versions are new enough",
    server.examineVersions(well, own),
    "ok",
    /Node 20\.19\.0, PostgreSQL 15\.4/,
  ],
  [
    "an old Node",
    server.examineVersions(well, { ...own, node: "20.18.9" }),
    "problem",
    /Node 20\.18\.9 is too old/,
  ],
  ["a newer Node", server.examineVersions(well, { ...own, node: "22.0.0" }), "ok", /Node 22/],
  [
    "PostgreSQL 13",
    server.examineVersions({ ...well, version: "13.9", versionNumber: 130_009 }, own),
    "problem",
    /13\.9 is too old/,
  ],
  [
    "another encoding",
    server.examineVersions({ ...well, encoding: "SQL_ASCII" }, own),
    "problem",
    /SQL_ASCII/,
  ],
  ["a primary", server.examineReadWrite(well), "ok", /can be written/],
  [
    "a standby",
    server.examineReadWrite({ ...well, isStandby: true, isReadOnly: true }),
    "problem",
    /standby.*target_session_attrs=read-write/,
  ],
  [
    "a read-only primary",
    server.examineReadWrite({ ...well, isReadOnly: true }),
    "problem",
    /default_transaction_read_only/,
  ],
  [
    "connections for one process and one more",
    server.examineConnections(plenty, 23),
    "ok",
    /leaves 92 .* 1 process of 23 connections and one more/,
  ],
  [
    "connections for the processes alone",
    server.examineConnections({ ...plenty, processes: 3, others: 6 }, 23),
    "warning",
    /not for one more.*max_connections to 101 or more/,
  ],
  [
    "too few connections",
    server.examineConnections({ ...plenty, connectionsMax: 30 }, 23),
    "problem",
    /leaves 22 .*too few/,
  ],
  [
    "exactly enough for two",
    server.examineConnections({ ...plenty, connectionsMax: 54 }, 23),
    "ok",
    /leaves 46/,
  ],
  [
    "none is left",
    server.examineConnections({ ...plenty, connectionsMax: 5 }, 23),
    "problem",
    /leaves 0/,
  ],
  [
    "no process runs yet",
    server.examineConnections({ ...plenty, processes: 0, connectionsMax: 31 }, 23),
    "warning",
    /enough for 1 process/,
  ],
  [
    "a user with a limit",
    server.examineConnections({ ...plenty, userMax: 20 }, 23),
    "problem",
    /limit of this user.*alter role … connection limit 46/,
  ],
  [
    "a database with a limit",
    server.examineConnections({ ...plenty, databaseMax: 30 }, 23),
    "warning",
    /limit of this database.*alter database/,
  ],
  ["memory", server.examineSharedBuffers(well), "ok", /1024 MB/],
  [
    "very little memory",
    server.examineSharedBuffers({ ...well, sharedBuffersBytes: 16 * mebi }),
    "warning",
    /16 MB.*default/,
  ],
  [
    "the default with a large database",
    server.examineSharedBuffers({
      ...well,
      sharedBuffersBytes: 128 * mebi,
      databaseBytes: 20_480 * mebi,
    }),
    "warning",
    /20 GB.*never changed/,
  ],
  [
    "the default with a small database",
    server.examineSharedBuffers({ ...well, sharedBuffersBytes: 128 * mebi }),
    "ok",
    /128 MB/,
  ],
  ["checksums", server.examineChecksums(well), "ok", /on/],
  [
    "no checksums",
    server.examineChecksums({ ...well, checksums: false }),
    "warning",
    /pg_checksums/,
  ],
  ["fsync", server.examineFsync(well), "ok", /on/],
  [
    "no fsync",
    server.examineFsync({ ...well, fsync: false, fullPageWrites: false }),
    "problem",
    /fsync = on/,
  ],
  [
    "no full page writes",
    server.examineFsync({ ...well, fullPageWrites: false }),
    "warning",
    /full_page_writes = on/,
  ],
  ["no JIT", server.examineJit(well), "ok", /off/],
  ["JIT", server.examineJit({ ...well, jit: true }), "warning", /on for/],
  ["clocks that agree", server.examineClock({ offsetMs: -3, roundTripMs: 1 }), "ok", /within 3 ms/],
  [
    "a slow way is no offset",
    server.examineClock({ offsetMs: 2_500, roundTripMs: 4_000 }),
    "ok",
    /agree/,
  ],
  [
    "a clock that is behind",
    server.examineClock({ offsetMs: 5_000, roundTripMs: 2 }),
    "warning",
    /5\.0 s behind/,
  ],
  [
    "a clock that is ahead",
    server.examineClock({ offsetMs: -7_200_000, roundTripMs: 2 }),
    "problem",
    /2 hours ahead of/,
  ],
  [
    "all migrations",
    schema.examineMigrations({ known: 21, pending: [], later: 0 }),
    "ok",
    /All 21 migrations are applied\./,
  ],
  [
    "a later version's",
    schema.examineMigrations({ known: 21, pending: [], later: 1 }),
    "ok",
    /1 more of a later version/,
  ],
  [
    "none of them",
    schema.examineMigrations({ known: 2, pending: ["0001_a.sql", "0002_b.sql"], later: 0 }),
    "problem",
    /lacks 2 migrations of 2, from 0001_a\.sql.*postrider migrate/,
  ],
  [
    "an edited migration",
    schema.examineMigrations({ known: 0, pending: [], later: 0, edited: "0002 was edited." }),
    "problem",
    /0002 was edited\. Use an unmodified release/,
  ],
  ["the roles", schema.examineRoles({ user: "app", statements: [] }), "ok", /app can use/],
  [
    "no roles",
    schema.examineRoles({ user: "app", statements: ["create role a nologin"] }),
    "problem",
    /create role a nologin;/,
  ],
  [
    "the wall",
    schema.examineRowSecurity({ missingRules: [], holds: true }),
    "ok",
    /works in every table/,
  ],
  [
    "a wall with a hole",
    schema.examineRowSecurity({ missingRules: ["grant x"], holds: false }),
    "problem",
    /1 statement, such as: grant x/,
  ],
  [
    "a wall that does not hold",
    schema.examineRowSecurity({ missingRules: [], holds: false }),
    "problem",
    /bypassrls/,
  ],
  ["keys that open", schema.examineKeys(keys), "ok", /decrypt all encrypted values\./],
  [
    "a key that is of no use any more",
    schema.examineKeys({ ...keys, given: ["bb", "aa"], sealedWith: ["bb"] }),
    "ok",
    /nothing is encrypted with key aa, which can be removed/,
  ],
  [
    "a key that is missing",
    schema.examineKeys({ ...keys, given: ["bb"], missing: ["aa"] }),
    "problem",
    /encrypted with key aa; POSTRIDER_ENCRYPTION_KEY has key bb.*Add that key/,
  ],
  [
    "no key at all",
    schema.examineKeys({ ...keys, given: [], missing: ["aa"] }),
    "problem",
    /has no key/,
  ],
  [
    "no key, and nothing sealed",
    schema.examineKeys({ given: [], sealedWith: [], missing: [], unopened: 0 }),
    "ok",
    /nothing is encrypted/,
  ],
  [
    "secrets that nothing opens",
    schema.examineKeys({ ...keys, unopened: 2 }),
    "problem",
    /2 subscriptions have secrets/,
  ],
  ["partitions", schema.examinePartitions([partitioned], kept), "ok", /for the next days/],
  [
    "no partition for today",
    schema.examinePartitions([{ ...partitioned, daysAhead: 0 }], kept),
    "problem",
    /events has no partition for today/,
  ],
  [
    "no partition yet, and nobody to need it",
    schema.examinePartitions([{ ...partitioned, daysAhead: 0 }], { ...kept, processes: 0 }),
    "ok",
    /The next process that starts creates/,
  ],
  [
    "few days ahead",
    schema.examinePartitions([{ ...partitioned, daysAhead: 1 }], kept),
    "warning",
    /for 1 day, today/,
  ],
  [
    "rows astray",
    schema.examinePartitions([{ ...partitioned, strayRows: true }], kept),
    "warning",
    /events_default/,
  ],
  [
    "a day that should be gone",
    schema.examinePartitions([{ ...partitioned, oldestAgeDays: 34 }], kept),
    "warning",
    /34 days old/,
  ],
  [
    "a day that may stay a little",
    schema.examinePartitions([{ ...partitioned, oldestAgeDays: 33 }], kept),
    "ok",
    /none is past the retention/,
  ],
  [
    "a new database",
    schema.examinePartitions([{ ...partitioned, oldestAgeDays: null }], kept),
    "ok",
    /none is past the retention/,
  ],
  ["autovacuum", schema.examineAutovacuum(well, vacuumed), "ok", /on, for every table/],
  [
    "no autovacuum",
    schema.examineAutovacuum({ ...well, autovacuum: false }, vacuumed),
    "problem",
    /autovacuum is off/,
  ],
  [
    "no counts",
    schema.examineAutovacuum({ ...well, trackCounts: false }, vacuumed),
    "problem",
    /track_counts is off/,
  ],
  [
    "a table left out",
    schema.examineAutovacuum(well, { ...vacuumed, excepted: ["deliveries"] }),
    "warning",
    /is off for deliveries.*alter table deliveries reset/,
  ],
  [
    "an old transaction",
    schema.examineAutovacuum(well, { ...vacuumed, oldestTransactionSeconds: 7_300 }),
    "warning",
    /open for 2 hours/,
  ],
  [
    "transactions not to be seen",
    schema.examineAutovacuum(well, { ...vacuumed, oldestTransactionSeconds: null }),
    "ok",
    /on/,
  ],
  [
    "half of the ids",
    schema.examineAutovacuum(well, { ...vacuumed, wraparound: 0.6 }),
    "warning",
    /60 %/,
  ],
  [
    "most of the ids",
    schema.examineAutovacuum(well, { ...vacuumed, wraparound: 0.8 }),
    "problem",
    /80 %.*writes no more/,
  ],
  [
    "an answer",
    work.examineEgress({ ...answered, status: 405 }),
    "ok",
    /a\.example\.com was answered 405 in 12 ms/,
  ],
  [
    "an answer of a receiver in trouble",
    work.examineEgress({ ...answered, status: 503 }),
    "warning",
    /the network works/,
  ],
  [
    "an answer by way of the proxy",
    work.examineEgress({ ...answered, status: 200, proxy: true }),
    "ok",
    /through the proxy/,
  ],
  ["no such name", work.examineEgress(unanswered), "problem", /NXDOMAIN.*resolv\.conf/],
  [
    "a private address",
    work.examineEgress({ ...unanswered, reason: "blocked_address" }),
    "problem",
    /POSTRIDER_EGRESS_ALLOW/,
  ],
  [
    "a proxy in trouble",
    work.examineEgress({ ...unanswered, reason: "proxy_error", proxy: true }),
    "problem",
    /POSTRIDER_EGRESS_PROXY/,
  ],
  ["no answer", work.examineEgress({ ...unanswered, reason: "timeout" }), "problem", /port 443/],
  [
    "a URL that no subscription may have",
    work.examineEgress({ kind: "refused", reason: "A URL is required." }),
    "problem",
    /A URL is required/,
  ],
  ["nothing to try", work.examineEgress(unasked), "skipped", /--url/],
  [
    "a proxy that is there",
    work.examineEgress({ ...unasked, proxy: proxied }),
    "ok",
    /proxy:3128 accepts connections/,
  ],
  [
    "a proxy that is not",
    work.examineEgress({ ...unasked, proxy: { ...proxied, failure: "ECONNREFUSED" } }),
    "problem",
    /proxy:3128 does not accept.*ECONNREFUSED/,
  ],
  [
    "names that were found",
    work.examineEgress({ ...unasked, names: { asked: 2, failed: [] } }),
    "ok",
    /names of 2 receivers/,
  ],
  [
    "a name that was not found",
    work.examineEgress({
      ...unasked,
      names: { asked: 2, failed: [{ host: "b.example", detail: "No." }] },
    }),
    "warning",
    /such as b\.example: No\./,
  ],
  [
    "no name that was found",
    work.examineEgress({
      ...unasked,
      names: { asked: 1, failed: [{ host: "b.example", detail: "No." }] },
    }),
    "problem",
    /resolv\.conf/,
  ],
  [
    "no endpoint that fails",
    work.examineEndpoints({ failing: 0, longest: [], disabled: 0 }),
    "ok",
    /No endpoint fails/,
  ],
  [
    "an endpoint that fails",
    work.examineEndpoints({ failing: 2, longest: [one], disabled: 0 }),
    "warning",
    /2 endpoints fail: a\.example\.com for 2 hours \(e1 of team t1\), …/,
  ],
  [
    "an endpoint that was disabled",
    work.examineEndpoints({ failing: 0, longest: [], disabled: 1 }),
    "warning",
    /1 endpoint was disabled/,
  ],
  [
    "nothing due",
    work.examineLag({ processes: 1, endpoints: 0, oldestSeconds: null }),
    "ok",
    /Nothing is overdue\./,
  ],
  [
    "nothing due, and nobody there",
    work.examineLag({ processes: 0, endpoints: 0, oldestSeconds: null }),
    "ok",
    /no process/,
  ],
  ["a little late", work.examineLag({ ...overdue, oldestSeconds: 59 }), "ok", /Nothing/],
  ["late", work.examineLag(overdue), "warning", /overdue deliveries, by up to 61 seconds/],
  ["very late", work.examineLag({ ...overdue, oldestSeconds: 3_601 }), "problem", /60 minutes/],
  [
    "late because nobody is there",
    work.examineLag({ ...overdue, processes: 0 }),
    "problem",
    /postrider serve/,
  ],
  [
    "a wrong password",
    connectionFailed({ code: "28P01", message: "m" }),
    "problem",
    /password.*\(28P01\)/,
  ],
  [
    "an address that is not let in",
    connectionFailed({ code: "28000", message: "m" }),
    "problem",
    /pg_hba/,
  ],
  ["no such database", connectionFailed({ code: "3D000", message: "m" }), "problem", /createdb/],
  [
    "no connection left",
    connectionFailed({ code: "53300", message: "m" }),
    "problem",
    /max_connections/,
  ],
  ["a server that starts", connectionFailed({ code: "57P03", message: "m" }), "problem", /Wait/],
  [
    "nobody listens",
    connectionFailed({ code: "ECONNREFUSED", message: "m" }),
    "problem",
    /Start PostgreSQL/,
  ],
  [
    "a pooler",
    connectionFailed({ code: undefined, message: "a pooler in transaction mode stands" }),
    "problem",
    /pool_mode/,
  ],
  [
    "a certificate",
    connectionFailed({ code: "SELF_SIGNED_CERT_IN_CHAIN", message: "self-signed certificate" }),
    "problem",
    /sslrootcert/,
  ],
  [
    "a standby alone",
    connectionFailed({ code: "25006", message: "no host in DATABASE_URL is read-write" }),
    "problem",
    /Promote/,
  ],
  [
    "what nobody has foreseen",
    connectionFailed({ code: undefined, message: "odd" }),
    "problem",
    /cannot be used: odd/,
  ],
  [
    "what could not be read",
    unread("lag", "no answer within 6 ms.", false),
    "warning",
    /could not be read: no answer within 6 ms\. .*pg_blocking_pids/,
  ],
  [
    "what could not be read and has to be",
    unread("roles", "no", true),
    "problem",
    /could not be read/,
  ],
];

const origin = { system: "7000000000000000001", database: 16_384 };
const following: StandbyReading & { kind: "there" } = {
  kind: "there",
  origin,
  primary: origin,
  isStandby: true,
  isReceiving: true,
  behindBytes: 0,
  holdsWall: true,
  feedback: true,
};
const otherSystem = { ...origin, system: "7000000000000000002" };
table.push(
  ["a standby that keeps up", examineStandby(following), "ok", /keeps up/],
  [
    "a standby that does not answer",
    examineStandby({ kind: "away", failure: { code: "28P01", message: "" } }),
    "warning",
    /standby: .*password \(28P01\)\..* read from the primary .*DATABASE_REPLICA_URL/,
  ],
  [
    "a standby of another cluster",
    examineStandby({ ...following, origin: otherSystem }),
    "problem",
    /different system identifiers/,
  ],
  [
    "another database of the same server",
    examineStandby({ ...following, origin: { ...origin, database: 5 } }),
    "problem",
    /another database/,
  ],
  [
    "a standby that was promoted",
    examineStandby({ ...following, isStandby: false, isReceiving: false }),
    "warning",
    /no standby/,
  ],
  [
    "a user without the rights of a team",
    examineStandby({ ...following, holdsWall: false }),
    "problem",
    /cannot read lists/,
  ],
  [
    "a standby without its primary",
    examineStandby({ ...following, isReceiving: false }),
    "warning",
    /does not receive/,
  ],
  [
    "a standby that is behind",
    examineStandby({ ...following, behindBytes: 24 }),
    "warning",
    /24 bytes of the log behind/,
  ],
  [
    "a standby that may cancel lists",
    examineStandby({ ...following, feedback: false }),
    "warning",
    /hot_standby_feedback/,
  ],
);

test("without a standby nothing is told of one", () => {
  expect(examineStandby({ kind: "none" })).toEqual([]);
});

test.each(table)("%s", (_name, found, level, words) => {
  const findings = [found].flat();
  expect(findings.map((finding) => finding.level)).toEqual(findings.map(() => level));
  expect(findings.map(({ says, mend }) => `${says} ${mend}`).join(" ")).toMatch(words);
  // Who has to do something is told what.
  for (const { mend } of findings) {
    expect(mend !== null).toBe(level === "warning" || level === "problem");
  }
});

test("warnings are allowed, a problem is not", () => {
  const notes = [ok("lag", "a"), skipped("lag", "b"), warning("lag", "c", "d")];
  expect(exitCodeOf(notes)).toBe(0);
  expect(exitCodeOf([...notes, problem("lag", "e", "f")])).toBe(1);
});

test("a check that cannot run yet names the problem to fix first", () => {
  const there = { reached: true, migrated: true };
  expect(whySkipped("tables", there)).toBeUndefined();
  expect(whySkipped("tables", { ...there, migrated: false })).toMatch(/migrations/);
  expect(whySkipped("database", { ...there, migrated: false })).toBeUndefined();
  expect(whySkipped("database", { reached: false, migrated: true })).toMatch(/database/);
  expect(whySkipped("nothing", { reached: false, migrated: true })).toBeUndefined();
});

test.each([
  [0, "0 seconds"],
  [1, "1 second"],
  [113, "113 seconds"],
  [119, "2 minutes"],
  [120, "2 minutes"],
  [7_200, "2 hours"],
  [172_800, "2 days"],
])("%i seconds are %s", (seconds, text) => {
  expect(lasting(seconds)).toBe(text);
});
