// Contract A's words for deliveries: an "event" is a delivery, an action is an event type.
import Type, { type Static } from "typebox";
import type { DeliveryFilter } from "../db/history.ts";
import type { Contract } from "../domain/contracts/contract.ts";
import { workflowWebhooks } from "../domain/contracts/workflow-webhooks.ts";
import { deliveryStatuses } from "../domain/delivery.ts";
import type { FieldError } from "../errors.ts";
import { withoutNulls } from "./delivery-filter.ts";
import { Id, Instant, parseInstant, textOf } from "./fields.ts";

/** The statuses of a delivery in contract A. */
export const EventStatus = Type.Union(deliveryStatuses.map((status) => Type.Literal(status)));

/** The members that filter a contract's events. */
export const eventFilterFields = ({ eventTypes }: Contract) => ({
  subscription_id: Type.Optional(Id),
  workflow_id: Type.Optional(Id),
  action: Type.Optional(
    Type.Unsafe<string>(Type.Union(eventTypes.map((action) => Type.Literal(action)))),
  ),
  status: Type.Optional(EventStatus),
  search: Type.Optional(textOf(255)),
  start: Type.Optional(Instant),
  end: Type.Optional(Instant),
});

/** The same filter as a member of a body. */
export const EventFilterBody = Type.Object(eventFilterFields(workflowWebhooks), {
  additionalProperties: false,
  title: "WorkflowWebhookEventFilter",
});

/** Reads the filter; `loc` is its place in the request. */
export const eventFilterOf = (
  { start, end, ...filter }: Static<typeof EventFilterBody>,
  loc: FieldError["loc"],
): DeliveryFilter => ({
  subscriptionId: filter.subscription_id ?? null,
  workflowId: filter.workflow_id ?? null,
  eventType: filter.action ?? null,
  status: filter.status ?? null,
  search: filter.search || null,
  start: start === undefined ? null : parseInstant(start, [...loc, "start"]),
  end: end === undefined ? null : parseInstant(end, [...loc, "end"]),
});

/** Writes the filter as the members of a body. */
export const eventFilterAnswer = (filter: DeliveryFilter) =>
  withoutNulls({
    subscription_id: filter.subscriptionId,
    workflow_id: filter.workflowId,
    action: filter.eventType,
    status: filter.status,
    search: filter.search,
    start: filter.start?.toISOString() ?? null,
    end: filter.end?.toISOString() ?? null,
  });
