import { createHash } from "node:crypto";
import * as apiKeys from "../../src/db/api-keys.ts";
import * as assistants from "../../src/db/assistants.ts";
import * as attempts from "../../src/db/attempts.ts";
import * as audit from "../../src/db/audit.ts";
import * as breakers from "../../src/db/breakers.ts";
import * as calls from "../../src/db/calls.ts";
import * as deliveries from "../../src/db/deliveries.ts";
import * as changes from "../../src/db/delivery-changes.ts";
import * as search from "../../src/db/delivery-search.ts";
import { type DeliverySearch, everyDelivery } from "../../src/db/delivery-sought.ts";
import * as subjects from "../../src/db/delivery-subjects.ts";
import * as summaries from "../../src/db/delivery-summaries.ts";
import * as endpoints from "../../src/db/endpoints.ts";
import * as erasures from "../../src/db/erasures.ts";
import * as identities from "../../src/db/fact-identities.ts";
import * as streaks from "../../src/db/failure-streaks.ts";
import * as history from "../../src/db/history.ts";
import * as idempotency from "../../src/db/idempotency-keys.ts";
import * as interventions from "../../src/db/interventions.ts";
import * as listenerRequests from "../../src/db/listener-requests.ts";
import * as listeners from "../../src/db/listeners.ts";
import * as logs from "../../src/db/logs.ts";
import * as operational from "../../src/db/operational-happenings.ts";
import * as people from "../../src/db/people.ts";
import type { Database } from "../../src/db/pool.ts";
import * as portalLinks from "../../src/db/portal-links.ts";
import * as quotas from "../../src/db/quotas.ts";
import * as replaySearch from "../../src/db/replay-search.ts";
import * as replayed from "../../src/db/replayed-deliveries.ts";
import * as replays from "../../src/db/replays.ts";
import * as retention from "../../src/db/retention.ts";
import * as rollups from "../../src/db/rollups.ts";
import * as runs from "../../src/db/runs.ts";
import * as sealedColumns from "../../src/db/sealed-columns.ts";
import * as sessions from "../../src/db/sessions.ts";
import * as signingSecrets from "../../src/db/signing-secrets.ts";
import * as steps from "../../src/db/steps.ts";
import * as subscriptions from "../../src/db/subscriptions.ts";
import * as teamSettings from "../../src/db/team-settings.ts";
import type { Tx } from "../../src/db/transaction.ts";
import * as wanted from "../../src/db/wanted.ts";
import * as workflows from "../../src/db/workflows.ts";
import type { Names } from "./furnish.ts";
import { attemptRecord } from "./leased.ts";

/** Whom a function is asked about: a team, and names that it and another team have. */
export type Asked = {
  tx: Tx;
  database: Database;
  teamId: string;
  owner: subscriptions.SubscriptionOwner;
  /** Called when what is to be there beforehand is there, of all teams alike; at once where nothing is needed. */
  prepared(): Promise<void>;
  keyId: string;
  name(parameter: string): string;
  eventId: string;
};

/** Asks about a team, by the names that `furnish` gave its things. */
export const askedAbout = (tx: Tx, teamId: string, names: Names, keyId = ""): Asked => ({
  tx,
  prepared: async () => {},
  // What begins a transaction goes on in this one.
  database: { sql: tx, begin: (work) => work(tx), beginReading: (work) => work(tx) },
  teamId,
  owner: { teamId, contract: "workflow" },
  keyId,
  name: (parameter) => names[parameter]?.[0] ?? "",
  eventId: names.event_id?.[1]?.replace("event_", "") ?? "",
});

const listenerOf = (a: Asked) => ({ teamId: a.teamId, id: a.name("listener_id") });
const endpointOf = (a: Asked) => ({ teamId: a.teamId, id: a.name("webhook_id") });
const page = { offset: 0, limit: 50 };
const since = new Date(0);
const by = "somebody";
const nothing = Buffer.alloc(0);
const aLink = createHash("sha256").update("a link").digest();
const digests = "00".repeat(32);
const lease = "0b8b4a5e-6a55-4f0e-9c0e-3c6a4a1f6f11";

const everyEvent: history.DeliveryFilter = {
  subscriptionId: null,
  workflowId: null,
  eventType: null,
  status: null,
  search: null,
  start: null,
  end: null,
};
/** Replays of all that there is, asked for after everyDelivery was made. */
const allReplays = (["deliveries", "events"] as const).map(
  (words): replaySearch.ReplayScope => ({
    search: words === "deliveries" ? { deliveries: everyDelivery } : { events: everyEvent },
    which: "all",
    start: ["1:1:", "4000000000"],
    createdAt: new Date(4e12),
  }),
);

const keyOf = ({ teamId, name }: Asked, parameter: string) => ({ teamId, id: name(parameter) });
const stepOf = ({ teamId, name }: Asked) => ({
  teamId,
  runId: name("run_id"),
  id: name("step_id"),
});
const replayOf = ({ teamId, name }: Asked): replayed.ReplayName => ({
  teamId,
  id: name("replay_id"),
});
const auditOf = ({ teamId, keyId }: Asked): audit.Audit => ({
  teamId,
  actorId: keyId,
  requestId: "req_test",
  action: "api_key.revoked",
});

/** Reads something and hands it to what changes it, as the team's own. */
async function changed<T extends object>(
  { teamId }: Asked,
  read: Promise<readonly T[]>,
  change: (rows: T[]) => Promise<unknown>,
): Promise<unknown> {
  return await change((await read).map((row) => ({ ...row, teamId, updatedBy: by })));
}

/** Puts a delivery under a lease, its twin as well. */
async function leased(asked: Asked): Promise<deliveries.Unsent> {
  const id = asked.name("event_id");
  await asked.tx`
    update deliveries set lease_token = ${lease}, due_at = now() + interval '1 minute', finished_at = null,
      status = 'pending', attempt_count = 1 where id = ${id}`;
  await asked.prepared();
  return { teamId: asked.teamId, id, leaseToken: lease };
}

const attemptOf = ({ teamId, name }: Asked): attempts.AttemptRecord =>
  attemptRecord({
    teamId,
    deliveryId: name("event_id"),
    subscriptionId: name("workflow_webhook_id"),
    leaseToken: lease,
    number: 7,
  });

const streakOf = ({ teamId, name }: Asked): streaks.StreakKey => ({
  teamId,
  subscriptionId: name("webhook_id"),
});

const failing = (a: Asked) => streaks.beginFailing(a.tx, [streakOf(a)], 1_000);

const claimed = (asked: Asked) =>
  idempotency.claimIdempotencyKey(asked.tx, asked.teamId, "a key", nothing);

/** Lets a claim of this key be the one that is in flight, for its twin as well. */
async function inFlight({ tx, prepared }: Asked): Promise<{ token: string }> {
  const [row] = await tx<{ token: string }>`
    update idempotency_keys set in_flight_until = 'infinity' where key = 'a key'
    returning in_flight_until::text as token`;
  await prepared();
  return { token: row?.token ?? "" };
}

/** A few first, then the rest: how many each time. */
const inTwoSteps = async (take: (limit: number) => Promise<number>) => [
  await take(1),
  await take(1_000),
];

const today = () => new Date().toISOString().slice(0, 10);
const finishAll = ({ tx }: Asked) => tx`
  update deliveries set status = 'delivered', finished_at = now(), due_at = null, lease_token = null`;

/** Every function of db/ that is about a team, each called with things that another team has under the same names. */
export const teamFunctions: Record<string, (asked: Asked) => Promise<unknown>> = {
  listApiKeys: (a) => apiKeys.listApiKeys(a.database, a.teamId, a.keyId, page),
  countListeners: (a) => listeners.countListeners(a.tx, a.teamId),
  findEndpointToCopy: (a) => listeners.findEndpointToCopy(a.tx, endpointOf(a)),
  listCopiesOf: (a) => listeners.listCopiesOf(a.tx, endpointOf(a)),
  findListener: (a) => listeners.findListener(a.tx, listenerOf(a)),
  markListenerSeen: (a) => listeners.markListenerSeen(a.tx, listenerOf(a), { ended: true }),
  lockEndedListener: async (a) => {
    await a.tx`update listeners set ends_at = now()`;
    await a.prepared();
    return await listeners.lockEndedListener(a.tx, listenerOf(a));
  },
  deleteListener: (a) => listeners.deleteListener(a.tx, listenerOf(a)),
  takeListenerAnswer: (a) =>
    listenerRequests.takeListenerAnswer(a.tx, { teamId: a.teamId, id: a.name("request_id") }),
  recordListenerAnswer: (a) =>
    listenerRequests.recordListenerAnswer(
      a.tx,
      { ...listenerOf(a), requestId: a.name("request_id") },
      nothing,
    ),
  placeListenerRequests: (a) => listenerRequests.placeListenerRequests(a.tx, listenerOf(a)),
  listOpenRequests: (a) => listenerRequests.listOpenRequests(a.tx, listenerOf(a), "0"),
  countPortalLinks: (a) => portalLinks.countPortalLinks(a.tx, a.teamId),
  listMissingEndpoints: (a) =>
    portalLinks.listMissingEndpoints(a.tx, a.teamId, [a.name("webhook_id")]),
  listOpenTeams: (a) => people.listOpenTeams(a.tx, [a.teamId]),
  listPortalLinks: (a) => portalLinks.listPortalLinks(a.database, a.teamId, page),
  deletePortalLink: (a) =>
    portalLinks.deletePortalLink(a.database, a.teamId, a.name("portal_link_id"), auditOf(a)),
  findPortalSession: (a) =>
    portalLinks.findPortalSession(a.tx, a.teamId, a.name("portal_session_id")),
  endPortalSession: (a) =>
    portalLinks.endPortalSession(a.database, a.teamId, a.name("portal_session_id"), auditOf(a)),
  useLoginLink: (a) => sessions.useLoginLink(a.tx, a.teamId, aLink),
  revokeApiKey: (a) => apiKeys.revokeApiKey(a.database, a.name("api_key_id"), auditOf(a)),
  readAssistants: (a) => assistants.readAssistants(a.tx, [keyOf(a, "assistant_id")]),
  findAssistant: (a) => assistants.findAssistant(a.tx, a.teamId, a.name("assistant_id")),
  lockAssistant: (a) => assistants.lockAssistant(a.tx, a.teamId, a.name("assistant_id")),
  async updateAssistant(a) {
    const found = await assistants.findAssistant(a.tx, a.teamId, a.name("assistant_id"));
    if (found) await assistants.updateAssistant(a.tx, found, by);
  },
  deleteAssistant: (a) => assistants.deleteAssistant(a.tx, a.teamId, a.name("assistant_id"), by),
  listAssistants: (a) => assistants.listAssistants(a.database, a.teamId, { search: null }, page),
  recordAttempts: async (a) => {
    await leased(a);
    return await attempts.recordAttempts(a.tx, [attemptOf(a)]);
  },
  readStats: (a) =>
    rollups.readStats(a.tx, a.teamId, {
      from: since,
      to: new Date(4e12),
      step: "day",
      subscriptionIds: null,
      contract: null,
      eventType: null,
    }),
  noteFailingEndpoints: (a) =>
    operational.noteFailingEndpoints(a.tx, [streakOf(a)], "endpoint.failing"),
  noteExhausted: async (a) => {
    const deliveryId = a.name("event_id");
    await a.tx`
      update deliveries set status = 'failed', finished_at = now(), due_at = null, lease_token = null
      where team_id = ${a.teamId} and id = ${deliveryId}`;
    await operational.noteExhausted(a.tx, [{ teamId: a.teamId, deliveryId, errorCode: null }]);
  },
  noteReplayDone: async (a) => {
    await a.tx`
      update replays set state = 'done', finished_at = now(), due_at = null
      where team_id = ${a.teamId} and id = ${a.name("replay_id")}`;
    await operational.noteReplayDone(a.tx, a.teamId, a.name("replay_id"));
  },
  lockFailedProbes: async (a) => {
    await failing(a);
    return breakers.lockFailedProbes(a.tx, [streakOf(a)]);
  },
  insertEntryOfService: (a) =>
    audit.insertEntryOfService(
      a.tx,
      { teamId: a.teamId, action: "endpoint.disabled" },
      a.name("webhook_id"),
    ),
  pauseProbes: async (a) => {
    await failing(a);
    await breakers.pauseProbes(a.tx, [{ ...streakOf(a), pauseMs: 1_000 }]);
  },
  disableFailing: (a) => breakers.disableFailing(a.tx, streakOf(a)),
  resumeProbes: async (a) => {
    await failing(a);
    await breakers.disableFailing(a.tx, streakOf(a));
    await breakers.resumeProbes(a.tx, a.teamId, a.name("webhook_id"));
  },
  probeNow: async (a) => {
    await failing(a);
    await breakers.probeNow(a.tx, a.teamId, a.name("webhook_id"));
  },
  letPastBreaker: (a) => breakers.letPastBreaker(a.tx, a.teamId, a.name("event_id")),
  readOpenStreaks: (a) => streaks.readOpenStreaks(a.tx, [streakOf(a)]),
  beginFailing: (a) => streaks.beginFailing(a.tx, [streakOf(a)], 1_000),
  listEndpoints: async (a) => {
    const all = { ids: null, contracts: null, states: null, search: null };
    const filters: Partial<endpoints.EndpointFilter>[] = [
      {},
      { contracts: ["workflow"] },
      { states: ["healthy"] },
      { states: ["idle", "failing"] },
      { search: "of-both" },
    ];
    const list = (one: object) =>
      endpoints.listEndpoints(a.database, a.teamId, { ...all, ...one }, page);
    const listed = [];
    for (const one of filters) listed.push(await list(one));
    return listed;
  },
  findEndpoint: (a) => endpoints.findEndpoint(a.tx, a.teamId, a.name("webhook_id")),
  recordLateAttempts: (a) => attempts.recordLateAttempts(a.tx, [attemptOf(a)]),
  listAuditEntries: (a) => {
    const any = { actorId: null, action: null, subjectId: null, since: null, until: null };
    return audit.listAuditEntries(a.database, a.teamId, any, page);
  },
  lockCalls: (a) => calls.lockCalls(a.tx, [keyOf(a, "conversation_id")]),
  updateCalls: (a) =>
    changed(a, calls.lockCalls(a.tx, [keyOf(a, "conversation_id")]), (rows) =>
      calls.updateCalls(a.tx, rows),
    ),
  readMessages: (a) => calls.readMessages(a.tx, [keyOf(a, "conversation_id")]),
  findCall: (a) => calls.findCall(a.tx, a.teamId, a.name("conversation_id")),
  listCalls: (a) =>
    calls.listCalls(a.database, a.teamId, { assistantId: null, status: null }, page),
  releaseDeliveries: async (a) => deliveries.releaseDeliveries(a.tx, [await leased(a)]),
  lockRunToErase: (a) => erasures.lockRunToErase(a.tx, a.teamId, a.name("run_id")),
  lockCallToErase: (a) => erasures.lockCallToErase(a.tx, a.teamId, a.name("conversation_id")),
  deleteRun: (a) => erasures.deleteRun(a.tx, a.teamId, a.name("run_id")),
  deleteCall: (a) => erasures.deleteCall(a.tx, a.teamId, a.name("conversation_id")),
  deleteEvents: (a) => erasures.deleteEvents(a.tx, a.teamId, [a.eventId], since),
  deleteAnswersAbout: (a) => erasures.deleteAnswersAbout(a.tx, a.teamId, "a subject"),
  deleteErasure: (a) => erasures.deleteErasure(a.tx, a.teamId, "a subject"),
  isOnlyTeamOfKey: (a) => erasures.isOnlyTeamOfKey(a.tx, a.teamId, a.keyId),
  closeTeam: (a) => erasures.closeTeam(a.tx, a.teamId),
  deleteSomeStateOf: (a) =>
    inTwoSteps((limit) => erasures.deleteSomeStateOf(a.tx, a.teamId, limit)),
  deleteSomeTracesOf: (a) =>
    inTwoSteps((limit) => erasures.deleteSomeTracesOf(a.tx, a.teamId, limit)),
  deleteSomeEventsOf: (a) =>
    inTwoSteps((limit) => erasures.deleteSomeEventsOf(a.tx, a.teamId, limit)),
  deleteSubscriptionsOf: (a) => erasures.deleteSubscriptionsOf(a.tx, a.teamId),
  deleteTeam: async (a) => {
    await a.tx`delete from api_key_teams where team_id = ${a.teamId}`;
    await a.prepared();
    await erasures.deleteTeam(a.tx, a.teamId);
  },
  listKnownFacts: (a) =>
    identities.listKnownFacts(a.tx, [{ teamId: a.teamId, name: "an identity" }]),
  listDeliveries: async (a) => {
    const any = { subscriptionId: null, workflowId: null, eventType: null, status: null };
    const all = { ...any, search: null, start: null, end: null };
    const filters: history.DeliveryFilter[] = [
      all,
      { ...all, status: "delivered" },
      { ...all, subscriptionId: a.name("webhook_id") },
      { ...all, eventType: "workflow_run_started" },
      { ...all, workflowId: a.name("workflow_id") },
      { ...all, workflowId: a.name("workflow_id"), eventType: "workflow_run_started" },
      ...["event_id", "webhook_id", "workflow_id", "run_id"].map((one) => ({
        ...all,
        search: a.name(one),
      })),
      { ...all, search: `event_${a.eventId}` },
      { ...all, search: "of-both" },
    ];
    const list = (filter: history.DeliveryFilter, limit: number) =>
      history.listDeliveries(a.database, a.owner, filter, { offset: 0, limit, withPayload: true });
    const lists: unknown[] = [];
    for (const filter of filters) lists.push(await list(filter, 2), await list(filter, 50));
    return lists;
  },
  listAttempts: async (a) => [
    await history.listAttempts(a.database, a.owner, { deliveryId: a.name("event_id") }, page),
    await history.listAttempts(a.database, a.owner, { eventId: a.eventId }, page),
  ],
  searchDeliveries: async (a) => {
    const searches: Partial<DeliverySearch>[] = [
      {},
      { subscriptionIds: [a.name("webhook_id"), a.name("subscription_id")] },
      { contracts: ["assistant"], eventTypes: ["status-update", "hang"] },
      { statuses: ["pending", "retrying"] },
      { statuses: ["failed"] },
      { errorCodes: ["timeout"] },
      { eventIds: [a.eventId] },
      { subject: { id: a.name("workflow_id") } },
      { subject: { id: a.name("run_id") } },
      { subject: { id: a.name("assistant_id") } },
      { from: since, to: null },
    ];
    const listed = [];
    for (const one of searches) {
      const all = { offset: 0, limit: 100 };
      const list = search.searchDeliveries(a.database, a.teamId, { ...everyDelivery, ...one }, all);
      listed.push((await list).rows);
    }
    return listed;
  },
  readChanges: async (a) => {
    const [{ at } = { at: 0 }] = await a.tx<{ at: number }>`
      select extract(epoch from now())::float8 as at`;
    const beginning = { since: { snapshot: "3:3:", at }, until: null, after: null };
    return (await changes.readChanges(a.tx, a.teamId, beginning))?.deliveryIds.toSorted();
  },
  findWatchersWithChanges: (a) =>
    changes.findWatchersWithChanges(a.tx, [{ teamId: a.teamId, snapshot: "3:3:" }]),
  readChanged: (a) =>
    changes.readChanged(a.tx, a.teamId, everyDelivery, [a.name("event_id"), a.name("delivery_id")]),
  findDeliveries: async (a) => {
    const start = await search.readWalkStart(a.tx);
    const sought = {
      ...everyDelivery,
      ...{ workflowId: null, ofRuns: null, deliveryIds: null, workflowIds: null },
    };
    return (await search.findDeliveries(a.tx, a.teamId, sought, { limit: 100, start })).found;
  },
  findBelow: async (a) => [
    await subjects.findBelow(a.tx, a.teamId, { id: a.name("workflow_id") }),
    await subjects.findBelow(a.tx, a.teamId, { id: a.name("assistant_id") }),
    await subjects.findBelow(a.tx, a.teamId, { id: a.name("run_id") }),
    await subjects.findBelow(a.tx, a.teamId, { callId: a.name("conversation_id") }),
    await subjects.findBelow(a.tx, a.teamId, {
      runId: a.name("run_id"),
      stepId: a.name("step_id"),
    }),
  ],
  readSummaries: (a) =>
    summaries.readSummaries(a.tx, a.teamId, [
      { id: a.name("event_id"), createdAt: since },
      { id: a.name("event_id"), createdAt: new Date() },
    ]),
  findDelivery: (a) =>
    summaries.findDelivery(a.tx, a.teamId, a.name("event_id"), { withPayload: true }),
  listAttemptsOf: async (a) => {
    const found = { id: a.name("event_id"), withPayload: false };
    const delivery = await summaries.findDelivery(a.tx, a.teamId, found.id, found);
    const createdAt = delivery?.createdAt ?? since;
    return await summaries.listAttemptsOf(a.tx, a.teamId, { id: found.id, createdAt }, 10);
  },
  findEventOfDelivery: (a) => history.findEventOfDelivery(a.tx, a.teamId, a.name("event_id")),
  claimIdempotencyKey: claimed,
  keepIdempotentAnswer: async (a) => {
    const answer = { statusCode: 200, sealedResponse: nothing, subjectId: null };
    return idempotency.keepIdempotentAnswer(a.tx, a.teamId, "a key", await inFlight(a), answer);
  },
  releaseIdempotencyKey: async (a) =>
    idempotency.releaseIdempotencyKey(a.tx, a.teamId, "a key", await inFlight(a)),
  lockForRedelivery: (a) =>
    interventions.lockForRedelivery(a.tx, a.owner, { deliveryId: a.name("event_id") }),
  readForRedelivery: (a) =>
    interventions.readForRedelivery(a.tx, a.owner, { deliveryIds: [a.name("event_id")] }),
  resolveDeliveryFilter: (a) =>
    history.resolveDeliveryFilter(a.tx, a.owner, { ...everyEvent, search: a.name("event_id") }),
  redeliver: async (a) => {
    await leased(a);
    await interventions.redeliver(a.tx, a.teamId, [a.name("event_id")], {
      actor: by,
      pastBreaker: true,
    });
  },
  failPendingDeliveries: (a) =>
    interventions.failPendingDeliveries(a.tx, a.teamId, a.name("webhook_id"), by),
  leaveOrder: async (a) => {
    await a.tx`update deliveries set order_key = 'a call', order_position = 1 where id = ${a.name("event_id")}`;
    await a.prepared();
    await replayed.leaveOrder(a.tx, a.teamId, [a.name("event_id")]);
  },
  findToReplay: async (a) => {
    await finishAll(a);
    await a.prepared();
    const at = { position: "", limit: 50 };
    const find = (scope: replaySearch.ReplayScope) =>
      replaySearch.findToReplay(a.tx, a.teamId, scope, at);
    return await Promise.all(allReplays.map(find));
  },
  countToReplay: async (a) => {
    await finishAll(a);
    await a.prepared();
    const count = (scope: replaySearch.ReplayScope) =>
      replaySearch.countToReplay(a.tx, a.teamId, scope, "");
    return await Promise.all(allReplays.map(count));
  },
  settleReplayed: async (a) => {
    await finishAll(a);
    await a.tx`update replayed_deliveries set state = 'due'`;
    await a.prepared();
    return await replayed.settleReplayed(a.tx, replayOf(a), "");
  },
  readInHand: (a) => replayed.readInHand(a.tx, replayOf(a)),
  dropHeld: (a) => replayed.dropHeld(a.tx, replayOf(a), [a.name("event_id")]),
  countOpenReplays: (a) => replays.countOpenReplays(a.tx, a.teamId),
  findReplay: (a) => replays.findReplay(a.tx, a.teamId, a.name("replay_id")),
  listReplays: async (a) => [
    await replays.listReplays(a.database, a.teamId, null, page),
    await replays.listReplays(a.database, a.teamId, [a.name("webhook_id")], page),
  ],
  cancelReplay: (a) => replays.cancelReplay(a.tx, a.teamId, a.name("replay_id")),
  lockDueReplay: (a) => replays.lockDueReplay(a.tx, a.teamId, a.name("replay_id")),
  saveStep: (a) =>
    replays.saveStep(a.tx, a.teamId, a.name("replay_id"), {
      position: "",
      waitingPosition: "",
      counted: 1,
      isCounted: true,
      replayed: 1,
      skipped: 1,
      delivered: 1,
      failed: 1,
      nextMs: 0,
    }),
  listLogs: (a) => {
    const owner = { teamId: a.teamId, contract: "organisation" };
    return logs.listLogs(
      a.database,
      owner,
      { subscriptionId: null, eventType: null, start: null, end: null },
      page,
    );
  },
  countWebhooks: (a) => quotas.countWebhooks(a.tx, a.teamId),
  countAssistants: (a) => quotas.countAssistants(a.tx, a.teamId),
  countApiKeys: (a) => quotas.countApiKeys(a.tx, a.teamId),
  expirePayloads: async (a) => {
    await finishAll(a);
    await a.prepared();
    return await retention.expirePayloads(a.tx, { teamId: a.teamId, day: today() }, 1_000);
  },
  markDayExpired: async (a) => {
    await a.tx`update events set payload = null where team_id = ${a.teamId}`;
    await a.prepared();
    await retention.markDayExpired(a.tx, { teamId: a.teamId, day: today() });
  },
  lockRuns: (a) => runs.lockRuns(a.tx, [keyOf(a, "run_id")]),
  listUnfinishedRuns: (a) => runs.listUnfinishedRuns(a.tx, [keyOf(a, "workflow_id")], 10),
  updateRuns: (a) =>
    changed(a, runs.lockRuns(a.tx, [keyOf(a, "run_id")]), (rows) => runs.updateRuns(a.tx, rows)),
  keepEarlierOfRuns: (a) =>
    changed(a, runs.lockRuns(a.tx, [keyOf(a, "run_id")]), (rows) =>
      runs.keepEarlierOfRuns(
        a.tx,
        rows.map((run) => ({ ...run, earlier: digests })),
      ),
    ),
  findRun: (a) => runs.findRun(a.tx, a.teamId, a.name("run_id")),
  listRuns: (a) => {
    const any = { workflowId: null, status: null, search: null, start: null, end: null };
    return runs.listRuns(a.database, a.teamId, any, { ...page, withDocuments: true });
  },
  replaceSealed: async (a) => {
    const table = sealedColumns.sealedTables.find(({ name }) => name === "runs");
    const [run] = await a.tx<{
      input: Buffer;
    }>`select input from runs where id = ${a.name("run_id")}`;
    if (!table || !run) return false;
    const row = { key: [a.teamId, a.name("run_id")], teamId: a.teamId, rowId: "", values: {} };
    const change = { column: "input", before: run.input, after: nothing };
    return await sealedColumns.replaceSealed(a.tx, table, row, change);
  },
  readSteps: (a) => steps.readSteps(a.tx, [stepOf(a)]),
  saveSteps: (a) =>
    changed(a, steps.readSteps(a.tx, [stepOf(a)]), (rows) => steps.saveSteps(a.tx, rows)),
  keepEarlierOfSteps: (a) =>
    changed(a, steps.readSteps(a.tx, [stepOf(a)]), (rows) =>
      steps.keepEarlierOfSteps(
        a.tx,
        rows.map((step) => ({ ...step, earlier: digests })),
      ),
    ),
  findStep: (a) => steps.findStep(a.tx, stepOf(a)),
  listSteps: (a) => steps.listSteps(a.database, stepOf(a), { ...page, withDocuments: true }),
  findSubscription: (a) => subscriptions.findSubscription(a.tx, a.owner, a.name("webhook_id")),
  holdSubscription: (a) => subscriptions.holdSubscription(a.tx, a.owner, a.name("webhook_id")),
  listSubscriptions: (a) => {
    const any = { search: null, enabled: null, eventType: null };
    return subscriptions.listSubscriptions(a.database, a.owner, any, page);
  },
  updateSubscription: (a) =>
    subscriptions.updateSubscription(a.tx, a.owner, a.name("webhook_id"), {
      name: "another name",
      url: null,
      eventTypes: null,
      enabled: null,
      timeoutSeconds: null,
      maxRetries: null,
      backoffSeconds: null,
      sealedCredential: null,
      clearCredential: false,
      sealedHeaders: null,
      actor: by,
    }),
  deleteSubscription: (a) =>
    subscriptions.deleteSubscription(a.tx, a.owner, a.name("webhook_id"), by),
  findSigningSecret: (a) => signingSecrets.findSigningSecret(a.tx, a.owner, a.name("webhook_id")),
  lockSigningSecret: (a) => signingSecrets.lockSigningSecret(a.tx, a.owner, a.name("webhook_id")),
  rotateSigningSecret: (a) =>
    signingSecrets
      .rotateSigningSecret(a.tx, a.owner, a.name("webhook_id"), {
        current: nothing,
        previous: nothing,
        actor: by,
      })
      .catch((error: Error) => error.message),
  findTeam: (a) => teamSettings.findTeam(a.tx, a.teamId),
  updateTeam: (a) => teamSettings.updateTeam(a.tx, a.teamId, { name: "another name" }),
  listTeamSubscriptions: (a) =>
    wanted.listTeamSubscriptions(a.tx, [a.teamId], ["workflow_created", "workflow.started"]),
  listSubjectSubscriptions: (a) =>
    wanted.listSubjectSubscriptions(a.tx, [a.teamId], [a.name("assistant_id")], ["hang"]),
  lockWorkflows: (a) => workflows.lockWorkflows(a.tx, [keyOf(a, "workflow_id")]),
  shareWorkflows: (a) => workflows.shareWorkflows(a.tx, [keyOf(a, "workflow_id")]),
  readWorkflowsOfRuns: (a) => workflows.readWorkflowsOfRuns(a.tx, [keyOf(a, "run_id")]),
  updateWorkflows: (a) =>
    changed(a, workflows.lockWorkflows(a.tx, [keyOf(a, "workflow_id")]), (rows) =>
      workflows.updateWorkflows(a.tx, rows),
    ),
  readVersions: (a) => workflows.readVersions(a.tx, [keyOf(a, "workflow_id")]),
  findWorkflow: (a) => workflows.findWorkflow(a.tx, a.teamId, a.name("workflow_id")),
  listWorkflows: (a) => workflows.listWorkflows(a.database, a.teamId, { search: null }, page),
};
