import type { DeliveryStatus } from "../domain/delivery.ts";
import { operationalEventTypes } from "../domain/lifecycle/operational.ts";
import { textArray } from "./arrays.ts";
import type { BelowSubject, Subject } from "./delivery-subjects.ts";
import { errorCodeBy, lastErrorCode } from "./delivery-summaries.ts";
import { allOf, joined, part, type SqlPart } from "./sql.ts";

/** Which deliveries to list; null asks for all, and of several values each will do. */
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

/** Asks for all deliveries. */
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

/** What is asked for, once it is known what its subject stands for. */
export type Sought = Omit<DeliverySearch, "subject"> & {
  workflowId: string | null;
  /** The events of the workflow's runs; null: they are too many to be named. */
  ofRuns: string[] | null;
  /** Among these alone. */
  deliveryIds: string[] | null;
  /** Of one of these workflows, in contract A, which keeps the workflow with its deliveries. */
  workflowIds: string[] | null;
};

/** Puts what a subject stands for beside the other filters. */
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

/** Of what is asked for, what is given; null asks for all. */
export const common = (asked: string[] | null, given: string[]): string[] =>
  asked === null ? given : given.filter((one) => asked.includes(one));

/** What has an error code is failed or retrying. */
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

/** The condition under which a delivery `d` is not for a listener. */
const ofNoListener: SqlPart = part`
  (select s.tells is null from subscriptions s where s.team_id = d.team_id and s.id = d.subscription_id)`;

/** What is wanted of the deliveries `d` that lie in the places. */
export function wanted(sought: Sought): SqlPart {
  const { subscriptionIds, contracts, eventTypes, errorCodes, workflowId, workflowIds, from, to } =
    sought;
  const statuses = statusesOf(sought)?.map((status) => ofStatus[status]);
  return allOf([
    // What operators are told is shown to whoever asks for it.
    subscriptionIds === null &&
      contracts === null &&
      part`d.event_type <> all(${textArray(operationalEventTypes)}::text[])`,
    // So are a listener's.
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
