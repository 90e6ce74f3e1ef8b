import { insertDeliveries, type NewDelivery } from "../db/deliveries.ts";
import { insertEvents } from "../db/events.ts";
import type { Tx } from "../db/transaction.ts";
import {
  listSubjectSubscriptions,
  listTeamSubscriptions,
  type WantingSubscription,
} from "../db/wanted.ts";
import type { Contract, Occurrence, RenderedEvent } from "../domain/contracts/contract.ts";
import { workflowWebhooks } from "../domain/contracts/workflow-webhooks.ts";
import { type LeasedDelivery, leaseMs } from "../domain/delivery.ts";
import type { Fact } from "../domain/facts.ts";
import { type Happening, teamOf } from "../domain/lifecycle/happening.ts";
import { type Changes, subjectKey } from "../domain/world.ts";
import { AppError } from "../errors.ts";
import { newId } from "../ids.ts";
import { type Sealing, sealPayloads } from "./payload-vault.ts";
import { groupBy } from "./read-world.ts";

/** Takes new deliveries into memory at once, while this process has room for them. */
export type HotPath = {
  /** Makes the token of a lease of this process. */
  newLeaseToken(): string;
  /** Reserves room for a delivery of this subscription; false: leave it in the table. */
  reserve(subscriptionId: string, payloadBytes: number): boolean;
  /** Frees the room of a delivery that was not made. */
  cancel(subscriptionId: string, payloadBytes: number): void;
  /** Takes deliveries with reserved room; their leases began at `leasedAtMs` (monotonic). */
  accept(deliveries: readonly LeasedDelivery[], leasedAtMs: number): void;
  /** Says that the table has new deliveries that must be claimed right before they are sent. */
  leftInTable(): void;
};

/** Bytes that one transaction may render: each message of a call has the whole conversation again. */
const payloadBytesMax = 64 * 1024 * 1024;

/** A delivery to be inserted. */
export type Planned = { event: RenderedEvent; subscription: WantingSubscription; leased: boolean };

/** The events and deliveries of a batch, and how many events no subscription wanted. */
export type FanOut = { events: RenderedEvent[]; deliveries: Planned[]; unwanted: number };

/** Subscriptions that are not for one subject, and the event types for which the list is complete. */
export type Audience = { eventTypes: ReadonlySet<string>; subscriptions: WantingSubscription[] };

/**
 * Lists the subscriptions that could match these facts, whatever is decided on them. It is sent together with the other
 * reads. A subscription that is created later gets the next facts.
 */
export async function readAudience(
  tx: Tx,
  contracts: readonly Contract[],
  facts: readonly Fact[],
): Promise<Audience> {
  const factTypes = unique(facts.map(({ type }) => type));
  const eventTypes = unique(
    contracts.flatMap(({ mayTell }) => factTypes.flatMap((type) => mayTell[type] ?? [])),
  );
  const subscriptions =
    eventTypes.length === 0
      ? []
      : await listTeamSubscriptions(tx, unique(facts.map(({ teamId }) => teamId)), eventTypes);
  return { eventTypes: new Set(eventTypes), subscriptions };
}

type Told = {
  contract: Contract;
  eventType: string;
  /** The one subject whose subscription gets it; null: every subscription of the team. */
  subjectId: string | null;
  happening: Happening;
  occurrence: Occurrence;
};

/**
 * Renders the events that a subscription wants, and plans a delivery for each subscription that wants one.
 *
 * Ordered deliveries are not leased here: if this process crashed, an unsent one would never be sent.
 */
export async function fanOut(
  tx: Tx,
  deps: { contracts: readonly Contract[]; hotPath: HotPath },
  changes: Changes,
  audience: Audience,
): Promise<FanOut> {
  const told = tellingsOf(deps.contracts, changes.happened);
  const wanting = await readWanting(tx, told, audience);

  const events: RenderedEvent[] = [];
  const deliveries: Planned[] = [];
  let payloadBytes = 0;
  for (const { contract, eventType, subjectId, happening, occurrence } of told) {
    const takers = withoutLoneCopies(
      (wanting.get(subjectKey(teamOf(happening), contract.name)) ?? []).filter(
        (subscription) =>
          subscription.subjectId === subjectId && subscription.eventTypes.includes(eventType),
      ),
    );
    if (takers.length === 0) continue;
    const event = contract.render(happening, occurrence);
    // Set here and not copied: a copy of each event would cost as much as its span.
    if (occurrence.trace !== undefined) event.trace = occurrence.trace;
    events.push(event);
    payloadBytes += event.payload.length;
    if (payloadBytes > payloadBytesMax) {
      throw new AppError(
        "body_too_large",
        "The events of these facts are too large together. Report fewer facts at once.",
      );
    }
    for (const subscription of takers) {
      const leased =
        orderOf(event, subscription) === null &&
        deps.hotPath.reserve(subscription.id, event.payload.length);
      deliveries.push({ event, subscription, leased });
    }
  }
  return { events, deliveries, unwanted: told.length - events.length };
}

/** Leaves out a copy if the subscription that it copies does not get the event. */
const withoutLoneCopies = (takers: WantingSubscription[]): WantingSubscription[] =>
  takers.filter(({ copyOf }) => copyOf === null || takers.some(({ id }) => id === copyOf));

/** A listener's deliveries have no order: a late answer delays no other delivery. */
const orderOf = (
  { order }: RenderedEvent,
  { listener }: Pick<WantingSubscription, "listener">,
): RenderedEvent["order"] => (listener ? null : order);

/** Lists the events that each contract makes of what happened, in the order in which it happened. */
function tellingsOf(contracts: readonly Contract[], happened: Changes["happened"]): Told[] {
  const told: Told[] = [];
  for (const { happening, occurrence } of happened) {
    for (const contract of contracts) {
      const eventType = contract.eventTypeOf(happening);
      if (eventType === undefined) continue;
      const subjectId = contract.subjectOf(happening);
      told.push({ contract, eventType, subjectId, happening, occurrence });
    }
  }
  return told;
}

/** Lists the subscriptions that want the events: those without a subject are known already, those of one subject are read now. */
async function readWanting(
  tx: Tx,
  told: readonly Told[],
  audience: Audience,
): Promise<Map<string, WantingSubscription[]>> {
  const ofSubjects = told.filter(({ subjectId }) => subjectId !== null);
  for (const { contract, eventType, subjectId } of told) {
    if (subjectId === null && !audience.eventTypes.has(eventType)) {
      throw new Error(`contract ${contract.name} may not tell ${eventType} of these facts`);
    }
  }
  const subscriptions =
    ofSubjects.length === 0
      ? audience.subscriptions
      : audience.subscriptions.concat(
          await listSubjectSubscriptions(
            tx,
            unique(ofSubjects.map(({ happening }) => teamOf(happening))),
            unique(ofSubjects.flatMap(({ subjectId }) => subjectId ?? [])),
            unique(ofSubjects.map(({ eventType }) => eventType)),
          ),
        );
  return groupBy(subscriptions, ({ teamId, contract }) => subjectKey(teamId, contract));
}

const unique = <T>(values: readonly T[]): T[] => [...new Set(values)];

/** The workflow by which an event's deliveries are listed; only contract A's lists can be filtered by workflow. */
export const listedWorkflowOf = ({ contract, workflowId }: RenderedEvent): string | null =>
  contract === workflowWebhooks.name ? workflowId : null;

/** Writes events and deliveries; all statements are sent when it returns. Resolves with those leased to this process. */
export async function writeDeliveries(
  tx: Tx,
  { events, deliveries }: FanOut,
  sealing: Sealing,
  leaseToken: string,
): Promise<LeasedDelivery[]> {
  if (events.length === 0) return [];
  const insertedEvents = insertEvents(tx, sealPayloads(sealing, events));
  const rows: NewDelivery[] = deliveries.map(({ event, subscription, leased }) => ({
    teamId: event.teamId,
    id: newId(),
    eventId: event.id,
    subscriptionId: subscription.id,
    eventType: event.eventType,
    // Only deliveries of contract A's own subscriptions are listed by their workflow.
    workflowId: subscription.listener ? null : listedWorkflowOf(event),
    order: orderOf(event, subscription),
    leaseMs: leased ? leaseMs(subscription.timeoutSeconds) : null,
  }));
  const [createdAt] = await Promise.all([insertDeliveries(tx, rows, leaseToken), insertedEvents]);

  return rows.flatMap((row, index) => {
    const event = deliveries[index]?.event;
    if (row.leaseMs === null || !event) return [];
    return {
      teamId: row.teamId,
      id: row.id,
      subscriptionId: row.subscriptionId,
      eventId: row.eventId,
      contract: event.contract,
      eventType: row.eventType,
      payload: event.payload,
      sealed: sealing.teams.has(row.teamId),
      trace: event.trace ?? null,
      createdAt,
      attemptNumber: 1,
      crashCount: 0,
      manualCount: 0,
      manual: false,
      actor: "system",
      ordered: false,
      breaker: "waits" as const,
      ageMs: 0,
      leaseToken,
      leaseMs: row.leaseMs,
    };
  });
}
