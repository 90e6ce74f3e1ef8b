import type { Arrival, FactEntry } from "./journal.ts";

/** Who hears of what, and by which rules. */
export type Subscription = {
  id: string;
  name: string;
  /** Types of the events it takes; the word before the first colon of an event's name. */
  eventTypes: readonly string[];
  maxRetries: number;
  /** Contract A: what failed was delivered again through the API before the ledger is checked. */
  redelivered: boolean;
  /** Contract C: at most one request for each delivery, and in the order of the call. */
  atMostOnce: boolean;
};

/** A delivery as the table has it, with its attempts counted. */
export type DeliveryRow = {
  id: string;
  subscriptionId: string;
  webhookId: string;
  /** What the stored payload says it is about, in the publisher's words, and its SHA-256. */
  event: string;
  digest: string;
  status: "pending" | "delivered" | "failed";
  leased: boolean;
  attemptCount: number;
  crashCount: number;
  manualCount: number;
  lastError: string | null;
  attemptRows: number;
  successRows: number;
};

/** A run or a call as the table has it. */
export type SubjectRow = { id: string; status: string };

export type LedgerInput = {
  subscriptions: readonly Subscription[];
  facts: readonly FactEntry[];
  arrivals: readonly Arrival[];
  deliveries: readonly DeliveryRow[];
  subjects: readonly SubjectRow[];
};

/** One thing that must not be, and where to look for it. */
export type Violation = { rule: string; what: string };

export type Verdict = {
  /** Facts attempted, and what is known of them in the end. */
  attempted: number;
  acknowledged: number;
  unknown: number;
  /** Facts with at least one try whose fate was unknown. */
  doubtful: number;
  /** Events of facts never acknowledged that arrived all the same. */
  recovered: number;
  /** Events due to subscriptions, by acknowledged facts. */
  due: number;
  arrivals: number;
  /** Acknowledged, and neither taken by its receiver nor recorded as failed. */
  lost: number;
  /** Arrived, and never attempted. */
  unexpected: number;
  /** Requests beyond the first for a delivery whose receiver had already taken it. */
  duplicates: number;
  /** Not taken, and recorded so, where no retry was owed. */
  failedRecorded: number;
  violations: Violation[];
};

/** How often a delivery may lose its process and be sent again. */
const crashesMax = 3;

/** Compares what was acknowledged, what arrived and what the tables say. */
export function checkLedger(input: LedgerInput): Verdict {
  const violations: Violation[] = [];
  const violate = (rule: string, what: string) => violations.push({ rule, what });
  const subscriptions = new Map(input.subscriptions.map((one) => [one.id, one]));
  const facts = readFacts(input.facts);
  const makers = new Map<string, KnownFact>();
  for (const fact of facts.values()) for (const event of fact.events) makers.set(event, fact);
  const arrivalsOf = groupBy(input.arrivals, keyOf);
  const rowOf = new Map<string, DeliveryRow>();
  for (const row of input.deliveries) {
    const other = rowOf.get(keyOf(row));
    if (other) violate("one event, one delivery", `${row.event} is ${other.id} and ${row.id}`);
    rowOf.set(keyOf(row), row);
  }
  const takersOf = (fact: KnownFact, event: string) =>
    input.subscriptions.filter(
      (one) =>
        (fact.to ?? one.id) === one.id && one.eventTypes.includes(event.split(":", 1)[0] ?? ""),
    );

  const verdict: Verdict = {
    attempted: facts.size,
    acknowledged: 0,
    unknown: 0,
    doubtful: 0,
    recovered: 0,
    due: 0,
    arrivals: input.arrivals.length,
    lost: 0,
    unexpected: 0,
    duplicates: 0,
    failedRecorded: 0,
    violations,
  };

  for (const fact of facts.values()) {
    if (fact.word === "acknowledged") verdict.acknowledged++;
    if (fact.word === "unknown") verdict.unknown++;
    if (fact.word === "refused") violate("nothing is refused", `${fact.fact}: ${fact.answer}`);
    if (fact.doubtful) verdict.doubtful++;
    for (const event of fact.events) {
      for (const taker of takersOf(fact, event)) {
        const key = `${taker.id} ${event}`;
        const taken = arrivalsOf.get(key)?.some(wasTaken) ?? false;
        if (fact.word !== "acknowledged") {
          if (taken) verdict.recovered++;
          continue;
        }
        verdict.due++;
        if (taken) continue;
        if (isExplained(rowOf.get(key), taker)) {
          verdict.failedRecorded++;
          continue;
        }
        verdict.lost++;
        violate(
          "lost",
          `${event} for ${taker.name}: ${JSON.stringify(rowOf.get(key) ?? "no row")}`,
        );
      }
    }
  }

  for (const [key, arrivals] of arrivalsOf) {
    const [first] = arrivals;
    if (!first) continue;
    const subscription = subscriptions.get(first.subscriptionId);
    const maker = makers.get(first.event);
    if (!subscription || !maker || !takersOf(maker, first.event).includes(subscription)) {
      verdict.unexpected++;
      violate("unexpected", `${first.event} for ${subscription?.name ?? first.subscriptionId}`);
      continue;
    }
    const firstTaken = arrivals.findIndex(wasTaken);
    if (firstTaken !== -1) verdict.duplicates += arrivals.length - firstTaken - 1;
    const row = rowOf.get(key);
    if (row) checkDelivery(row, arrivals, subscription, violate);
    else violate("every request has a delivery", `${first.event} for ${subscription.name}`);
  }

  for (const row of input.deliveries) {
    const name = subscriptions.get(row.subscriptionId)?.name ?? row.subscriptionId;
    const what = `${row.event} for ${name}: ${JSON.stringify(row)}`;
    if (!makers.has(row.event)) violate("no delivery without a fact", what);
    if (row.status === "pending") violate("nothing is pending for ever", what);
    if (row.leased) violate("no lease is left", what);
    if (row.attemptRows !== row.attemptCount) violate("every attempt has its row", what);
    const taken = arrivalsOf.get(keyOf(row))?.filter(wasTaken).length ?? 0;
    if (row.successRows > taken) violate("no outcome that nobody observed", what);
    if (row.status === "delivered" && row.successRows === 0) {
      violate("delivered means answered", what);
    }
  }
  checkOrder(input, subscriptions, violate);
  checkSubjects(facts, input.subjects, violate);
  return verdict;
}

type Violate = (rule: string, what: string) => void;

function checkDelivery(
  row: DeliveryRow,
  arrivals: readonly Arrival[],
  subscription: Subscription,
  violate: Violate,
): void {
  const what = `${row.event} for ${subscription.name}, ${arrivals.length} requests: ${JSON.stringify(row)}`;
  const most = subscription.atMostOnce
    ? 1
    : 1 + subscription.maxRetries + crashesMax + row.manualCount;
  if (arrivals.length > most) violate("requests are bounded", what);
  if (arrivals.length > row.attemptRows) violate("every request has an attempt", what);
  if (arrivals.some(({ webhookId }) => webhookId !== row.webhookId)) {
    violate("one webhook-id on all attempts", what);
  }
  if (arrivals.some(({ digest }) => digest !== row.digest)) {
    violate("the same bytes on all attempts", what);
  }
  for (const { signatureProblem } of arrivals) {
    if (signatureProblem) violate("every request is signed", `${signatureProblem}: ${what}`);
  }
}

type KnownFact = FactEntry & { events: readonly string[]; doubtful: boolean };

/** What is known of each fact in the end: an acknowledgement outweighs everything else. */
function readFacts(entries: readonly FactEntry[]): Map<string, KnownFact> {
  const facts = new Map<string, KnownFact>();
  for (const entry of entries) {
    const known = facts.get(entry.fact);
    if (!known) {
      facts.set(entry.fact, { ...entry, events: entry.events ?? [], doubtful: false });
      continue;
    }
    if (entry.word === "unknown") known.doubtful = true;
    if (known.word === "acknowledged") continue;
    known.word = entry.word;
    known.atMs = entry.atMs;
    if (entry.answer !== undefined) known.answer = entry.answer;
  }
  // Nobody waited for its answer.
  for (const fact of facts.values()) if (fact.word === "attempted") fact.word = "unknown";
  return facts;
}

/** A failed delivery is no loss where nothing more was owed, if attempts tell what became of it. */
function isExplained(row: DeliveryRow | undefined, subscription: Subscription): boolean {
  if (row?.status !== "failed" || row.attemptRows === 0 || row.lastError === null) return false;
  if (subscription.atMostOnce) return true;
  return !subscription.redelivered && row.attemptCount > subscription.maxRetries;
}

/** Within a call messages arrive in the order in which they were spoken, gaps allowed. */
function checkOrder(
  { arrivals }: LedgerInput,
  subscriptions: ReadonlyMap<string, Subscription>,
  violate: Violate,
): void {
  const last = new Map<string, { place: number; event: string }>();
  for (const { subscriptionId, event } of arrivals) {
    if (!subscriptions.get(subscriptionId)?.atMostOnce) continue;
    const [type = "", call = "", detail = ""] = event.split(":");
    const before = last.get(call);
    const place = placeInCall(type, detail);
    if (before && before.place >= place) {
      violate("a call is told in order", `${event} after ${before.event}`);
    }
    last.set(call, { place, event });
  }
}

function placeInCall(type: string, detail: string): number {
  if (type === "conversation-update") return Number(detail);
  if (type === "end-of-call-report") return Number.POSITIVE_INFINITY;
  return detail === "finished" ? 1e9 : 0;
}

/** A run or call exists exactly when its beginning was recorded, and has ended exactly when its end was. */
function checkSubjects(
  facts: ReadonlyMap<string, KnownFact>,
  subjects: readonly SubjectRow[],
  violate: Violate,
): void {
  const statusOf = new Map(subjects.map(({ id, status }) => [id, status]));
  const lives = [
    { begins: "start", ends: "end", during: "started", after: "completed" },
    { begins: "call", ends: "hang-up", during: "ongoing", after: "finished" },
  ];
  for (const { begins, ends, during, after } of lives) {
    for (const fact of facts.values()) {
      const [verb, id = ""] = fact.fact.split(" ");
      if (verb !== begins) continue;
      const end = facts.get(`${ends} ${id}`);
      const status = statusOf.get(id);
      statusOf.delete(id);
      const may: (string | undefined)[] = [];
      if (fact.word !== "acknowledged") may.push(undefined);
      if (end?.word !== "acknowledged") may.push(during);
      if (end) may.push(after);
      if (!may.includes(status)) {
        violate("states follow the facts", `${id} is ${status}, but should be ${may.join(" or ")}`);
      }
    }
  }
  for (const id of statusOf.keys()) violate("no subject without a fact", id);
}

const keyOf = ({ subscriptionId, event }: { subscriptionId: string; event: string }) =>
  `${subscriptionId} ${event}`;

/** The receiver has said yes, in time as far as it knows. */
export const wasTaken = ({ answered }: Arrival): boolean => answered >= 200 && answered < 300;

function groupBy<T>(list: readonly T[], key: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of list) {
    const group = groups.get(key(one));
    if (group) group.push(one);
    else groups.set(key(one), [one]);
  }
  return groups;
}
