/** The file and the name of the test that plays a scenario. */
export type Played = readonly [file: string, test: string];

const crash = "server/test/engine/redeliver-and-crash.test.ts";
const dispatcher = "server/test/engine/dispatcher.test.ts";
const recording = "server/test/engine/recording.test.ts";
const calls = "server/test/engine/calls.test.ts";
const faults = "server/test/hostile/faults.test.ts";
const served = "server/test/hostile/served.test.ts";
const keys = "server/test/api/api-keys.test.ts";
const killed = [
  "server/test/e2e/crash.test.ts",
  "kill -9 in the middle of 5,000 accepted facts loses none of them",
] as const;
const crossSite = "server/test/hostile/cross-site.test.ts";
const csrf =
  "static-020: a page of another site can post nothing: its cookie does not count, and no simple content type is read";
const rendered =
  "xss-014, xss-015: what a receiver answered, and what a caller sent, come back as JSON that nothing renders";
const overlap =
  "auth-024, auth-025: two keys overlap, and a revoked one is refused on every process within five seconds";
const scope = "auth-021, auth-022: a key of one scope does not do what needs another";
const batch =
  "ingest-060: a batch of 1,001 is refused as a whole, ingest-061: and nobody reads facts with GET";
const erased = [
  "server/test/engine/erasure.test.ts",
  "a team that is erased while its deliveries are on the wire leaves nothing behind",
] as const;

/** The rows that no table runs (rows.ts), each with the test that plays it. */
export const scenarios: Readonly<Record<string, Played>> = {
  "ingest-026": [
    "server/test/api/body.test.ts",
    "a chunked body without a length is cut off at the limit and never piles up in memory",
  ],
  "ingest-028": [
    "server/test/hostile/inbound.test.ts",
    "ingest-028: a body that drips is waited for, up to a limit, and then told so",
  ],
  "ingest-050": [
    "server/test/api/facts.test.ts",
    "facts without an identity are done once under an Idempotency-Key",
  ],
  "ingest-060": ["server/test/hostile/inbound.test.ts", batch],
  "ingest-061": ["server/test/hostile/inbound.test.ts", batch],
  "retry-after-033": [
    "server/test/hostile/quiet.test.ts",
    "retry-after-033: a 429 with Retry-After quiets the whole subscription, and no other",
  ],
  "signature-023": [
    dispatcher,
    "invariant 8: body and webhook-id are the same bytes on every attempt; time and signature are fresh",
  ],
  "signature-024": [
    "server/test/domain/receiver-headers.test.ts",
    "%s is reserved in any spelling",
  ],
  "tenant-021": [
    "server/test/api/organisation-webhooks.test.ts",
    "all logs go by event type, page through in one order, and show no other team's or contract's",
  ],
  "tenant-023": [
    "server/test/api/workflow-webhook-events.test.ts",
    "another team's deliveries are not there, by whatever name",
  ],
  "tenant-026": erased,
  "auth-021": [keys, scope],
  "auth-022": [keys, scope],
  "auth-023": [
    "server/test/api/workflow-webhook-events.test.ts",
    "a payload comes back as the exact text that is posted, and only to a key with the scope payload",
  ],
  "auth-024": [keys, overlap],
  "auth-025": [keys, overlap],
  "auth-026": [keys, "a new key works for what it was given, and is shown once"],
  "auth-028": [
    "server/test/api/auth.test.ts",
    "guessing keys is slowed down while a good key from the same address is not",
  ],
  "static-017": [
    served,
    "static-017: every answer has strict headers for browsers, and none names its software",
  ],
  "static-018": [served, "static-018: no other origin is let in, whatever it asks for"],
  "static-020": [crossSite, csrf],
  "static-022": [
    crossSite,
    "static-022: the one cookie is bound to this host, to TLS or this machine, and to requests of this site, and no script reads it",
  ],
  "xss-014": ["server/test/hostile/injection.test.ts", rendered],
  "xss-015": ["server/test/hostile/injection.test.ts", rendered],
  "redaction-014": [
    "server/test/engine/secrets.test.ts",
    "invariant 13: no token, secret or header value stands in plain text in any column of the database",
  ],
  "redaction-015": [
    "server/test/engine/retention.test.ts",
    "a team's own days hold for it alone: payloads go first, then its history; those of others stay",
  ],
  "redaction-016": erased,
  "redaction-018": [
    recording,
    "secrets that do not open send nothing; the attempt says so without their value",
  ],
  "redaction-019": [
    "server/test/engine/secrets.test.ts",
    "a sealed value opens nowhere but in its table, column, team and row",
  ],
  "fairness-006": [
    "server/test/hostile/fairness.test.ts",
    "fairness-006: one team that polls 200 times a second does not slow another team's requests",
  ],
  "fairness-007": [
    "server/test/security/quotas.test.ts",
    "the last of the %s that a quota allows is made, the next one is refused",
  ],
  "fairness-008": [
    "server/test/hostile/fairness.test.ts",
    "fairness-008: an event for 1,000 webhooks is accepted at once and delivered to all of them",
  ],
  "fault-001": killed,
  "fault-002": killed,
  "fault-003": [
    crash,
    "a crashed process's delivery falls due when its lease ends, not before, and is delivered by another",
  ],
  "fault-004": [
    crash,
    "invariant 7: a process that dies with requests on the wire leaves a row for each of them",
  ],
  "fault-006": [
    faults,
    "fault-006: a process lost between the answer and its commit: the same webhook-id comes once more, and is delivered",
  ],
  "fault-007": [
    faults,
    "fault-007: a process lost after the commit of a result: nothing is sent again",
  ],
  "fault-008": [
    crash,
    "invariant 6: after the fourth crash a delivery has failed as crash_loop and is claimed no more",
  ],
  "fault-009": [
    calls,
    "invariant 6: a result that is never recorded is not sent again by another process, and the rest goes out",
  ],
  "fault-011": [
    crash,
    "invariant 4: a late failure does not reopen what another process has delivered",
  ],
  "fault-012": [
    "server/test/e2e/production.test.ts",
    "while the database is away calls get 503 and readyz says why; when it is back, so is the service",
  ],
  "fault-013": [
    faults,
    "fault-013: after a failover the service finds the new primary with everything that was acknowledged, and goes on",
  ],
  "fault-014": [
    recording,
    "the database goes away again and again during a burst: nothing is lost and nothing is recorded twice",
  ],
  "fault-018": [
    faults,
    "fault-018: while somebody locks the deliveries nothing is lost, and all goes on when they let go",
  ],
  "fault-020": [
    faults,
    "fault-020: with a full disk results wait in memory, no request is made twice, and all is written once there is space",
  ],
  "fault-022": [
    faults,
    "fault-022: a primary that became read-only takes nothing, and is used again once it writes",
  ],
  "fault-023": [
    faults,
    "fault-023: a deadlock or a serialization failure is tried again, unnoticed by anybody",
  ],
  "fault-024": [
    dispatcher,
    "invariant 12: a process whose clock is two hours fast claims nothing early",
  ],
  "fault-026": [
    dispatcher,
    "invariant 12: a process whose clock is two hours slow delivers at once, and its retry falls due by the database's clock",
  ],
  "fault-027": [
    dispatcher,
    "invariant 5: a claim passes over what another claim holds, without waiting for it",
  ],
  "fault-031": [
    crash,
    "deleting a subscription ends its deliveries at once, and the late result of one in flight is logged",
  ],
  "fault-032": [dispatcher, "a change of URL, token and policy applies from the next attempt on"],
  // Our contract: they wait, and go on when it is enabled again.
  "fault-033": [
    dispatcher,
    "a disabled subscription's deliveries wait, unattempted, and go on when it is enabled",
  ],
  "fault-034": [
    recording,
    "during a rotation both secrets verify for 24 hours, then only the new one",
  ],
  "fault-035": [
    faults,
    "fault-035: two processes deliver side by side while migrations run again: nobody is held up, nothing comes twice",
  ],
  "fault-037": [
    dispatcher,
    "an attempt that might outlive its lease is not begun: the delivery is given back and goes out under a fresh one",
  ],
  "fault-038": [
    faults,
    "fault-038: a rejection that nobody handles ends the process with an error code, and its successor delivers the rest",
  ],
  "fault-039": [dispatcher, "a claim takes no more bytes than it may, but always one delivery"],
  "fault-040": [
    "server/test/engine/record-facts.test.ts",
    "invariant 2: one fact, reported 1,000 times at once to two processes, is one run, one event and one delivery for each subscription",
  ],
};
