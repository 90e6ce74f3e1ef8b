import type { DeliveryStatus } from "../domain/delivery.ts";
import { operationalEventTypes } from "../domain/lifecycle/operational.ts";
import { textArray } from "./arrays.ts";
import type { BelowSubject, Subject } from "./delivery-subjects.ts";
import { errorCodeBy, lastErrorCode } from "./delivery-summaries.ts";
import { allOf, joined, part, type SqlPart } from "./sql.ts";

/** Filter of deliveries; null: all. A delivery matches a list if it has one of its values. */
export type DeliverySearch = {
  subscriptionIds: string[] | null;
  contracts: string[] | null;
  eventTypes: string[] | null;
  statuses: DeliveryStatus[] | null;
  subject: Subject | null;
  /** UUIDs, without the public prefix. */
  eventIds: string[] | null;
  errorCodes: string[] | null;
  /** Created at or after. */
  from: Date | null;
  /** Created before. */
  to: Date | null;
};

/** The filter for all deliveries. */
export const everyDelivery: DeliverySearch = {
  subscriptionIds: null,
  contracts: null,
  eventTypes: null,
  statuses: null,
  subject: null,
  eventIds: null,
  errorCodes: null,
  from: null,
  to: null,
};

/** The search after its subject was resolved. */
export type Sought = Omit<DeliverySearch, "subject"> & {
  workflowId: string | null;
  /** The events of the workflow's runs; null: too many to list. */
  ofRuns: string[] | null;
  /** Only these deliveries. */
  deliveryIds: string[] | null;
  /** Only deliveries of these workflows, in contract A, which stores the workflow with its deliveries. */
  workflowIds: string[] | null;
};

/** Combines a resolved subject with the other filters. */
export function narrowed(search: DeliverySearch, below: BelowSubject | null): Sought {
  const { subject: _, ...sought } = {
    ...search,
    ...{ workflowId: null, ofRuns: null, deliveryIds: null, workflowIds: null },
  };
  if (below === null) return sought;
  if ("workflowId" in below) return { ...sought, ...below };
  if ("eventIds" in below) {
    return { ...sought, eventIds: common(sought.eventIds, below.eventIds) };
  }
  const subscriptionIds = common(sought.subscriptionIds, [below.subscriptionId]);
  return { ...sought, subscriptionIds };
}

/** The values that are in both lists; `asked` null: all. */
export const common = (asked: string[] | null, given: string[]): string[] =>
  asked === null ? given : given.filter((one) => asked.includes(one));

/** The statuses to find: a delivery with an error code is failed or retrying. */
export function statusesOf({ statuses, errorCodes }: Sought): DeliveryStatus[] | null {
  if (errorCodes === null) return statuses;
  return (["retrying", "failed"] as const).filter((one) => statuses?.includes(one) ?? true);
}

const ofStatus: Record<DeliveryStatus, SqlPart> = {
  pending: part`(d.finished_at is null and d.last_attempt_at is null)`,
  retrying: part`(d.finished_at is null and d.last_attempt_at is not null)`,
  delivered: part`d.status = 'delivered'`,
  failed: part`d.failed_at is not null`,
};

/** The condition that a delivery `d` is not for a listener. */
const ofNoListener: SqlPart = part`
  (select s.tells is null from subscriptions s where s.team_id = d.team_id and s.id = d.subscription_id)`;

/** The condition for the wanted deliveries `d` in the ranges. */
export function wanted(sought: Sought): SqlPart {
  const { subscriptionIds, contracts, eventTypes, errorCodes, workflowId, workflowIds, from, to } =
    sought;
  const statuses = statusesOf(sought)?.map((status) => ofStatus[status]);
  return allOf([
    // Operational webhooks are shown only if the filter names their contract or subscription.
    subscriptionIds === null &&
      contracts === null &&
      part`d.event_type <> all(${textArray(operationalEventTypes)}::text[])`,
    // The same for listeners.
    subscriptionIds === null && contracts === null && ofNoListener,
    from !== null && part`d.created_at >= ${from}`,
    to !== null && part`d.created_at < ${to}`,
    subscriptionIds !== null &&
      part`d.subscription_id = any(${textArray(subscriptionIds)}::text[])`,
    eventTypes !== null && part`d.event_type = any(${textArray(eventTypes)}::text[])`,
    statuses !== undefined && part`(${joined([part`false`, ...statuses], " or ")})`,
    workflowIds !== null && part`d.workflow_id = any(${textArray(workflowIds)}::text[])`,
    contracts !== null &&
      part`(select s.contract from subscriptions s where s.team_id = d.team_id and s.id = d.subscription_id)
        = any(${textArray(contracts)}::text[])`,
    errorCodes !== null &&
      part`${errorCodeBy(lastErrorCode)} = any(${textArray(errorCodes)}::text[])`,
    workflowId !== null &&
      part`coalesce(d.workflow_id, (
        select e.workflow_id from events e
        where e.team_id = d.team_id and e.id = d.event_id and e.created_at = d.created_at)) = ${workflowId}`,
  ]);
}
