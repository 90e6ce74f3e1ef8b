import Type, { type Static, type TSchema } from "typebox";
import type { DeliverySearch } from "../db/delivery-sought.ts";
import type { Subject } from "../db/delivery-subjects.ts";
import { allContracts } from "../domain/contracts/all-contracts.ts";
import { deliveryStatuses } from "../domain/delivery.ts";
import { listenerContract } from "../domain/listeners.ts";
import type { FieldError } from "../errors.ts";
import { callIdPattern, isObjectId, objectIdPattern, parseEventId, publicEventId } from "../ids.ts";
import { allBut } from "./characters.ts";
import { Instant, parseInstant } from "./fields.ts";

/** The names of all contracts, and that of listeners. */
export const contracts = [...allContracts.map(({ name }) => name), listenerContract];
const eventTypes = [...new Set(allContracts.flatMap((contract) => contract.eventTypes))];

/** The contracts that have their own event types. */
export const TellingContract = Type.Enum(allContracts.map(({ name }) => name));

/** The contract names in answers and filters. */
export const ContractName = Type.Enum(contracts);

/** A parameter that may be repeated: a row matches if it has one of the values. */
export const anyOf = <Schema extends TSchema>(schema: Schema) =>
  Type.Optional(Type.Array(schema, { minItems: 1, maxItems: 50 }));

/** A pattern without its anchors. */
const within = (pattern: string) => pattern.slice(1, -1);

const SubjectId = Type.String({
  maxLength: 512,
  pattern: `^(${within(objectIdPattern)}(:${allBut([[0, 0]])}+)?|${within(callIdPattern)})$`,
  title: "the id of a workflow, run, call or assistant, or <run id>:<step id>",
});

const description =
  "A workflow, a run, a step (`<run id>:<step id>`), a call or an assistant. Deliveries of its children match too.";

const EndpointId = Type.String({ pattern: objectIdPattern, title: "an endpoint's id" });
const EventType = Type.Enum(eventTypes);
const Status = Type.Enum([...deliveryStatuses]);
const EventId = Type.String({
  pattern: "^event_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
  title: "an event's id, `event_` and a UUID",
});
const ErrorCode = Type.String({
  pattern: "^[a-z][a-z0-9_]{0,63}$",
  title: "an error code such as timeout",
});

const subject_id = Type.Optional({ ...SubjectId, description });
const from = Type.Optional(Instant);
const to = Type.Optional(Instant);

/** The query parameters that filter deliveries. */
export const deliveryFilterQuery = {
  endpoint_id: anyOf(EndpointId),
  contract: anyOf(ContractName),
  event_type: anyOf(EventType),
  status: anyOf(Status),
  subject_id,
  event_id: anyOf(EventId),
  error_code: anyOf(ErrorCode),
  from,
  to,
};

/** One value or a list: a row matches if it has one of the values. */
const oneOrMore = <Schema extends TSchema>(schema: Schema) =>
  Type.Optional(Type.Union([schema, Type.Array(schema, { minItems: 1, maxItems: 50 })]));

/** The same filter as a member of a body, where a repeatable filter is a value or a list. */
export const DeliveryFilterBody = Type.Object(
  {
    endpoint_id: oneOrMore(EndpointId),
    contract: oneOrMore(ContractName),
    event_type: oneOrMore(EventType),
    status: oneOrMore(Status),
    subject_id,
    event_id: oneOrMore(EventId),
    error_code: oneOrMore(ErrorCode),
    from,
    to,
  },
  { additionalProperties: false, title: "DeliveryFilter" },
);

const Query = Type.Object(deliveryFilterQuery);
type Filter = Static<typeof Query> | Static<typeof DeliveryFilterBody>;

/** Reads the filter; `loc` is its place in the request. Values are sorted, so that a cursor does not depend on their order. */
export function deliveryFilterOf(
  filter: Filter,
  loc: FieldError["loc"] = ["query"],
): DeliverySearch {
  const { from, to } = filter;
  return {
    subscriptionIds: sorted(filter.endpoint_id),
    contracts: sorted(filter.contract),
    eventTypes: sorted(filter.event_type),
    statuses: sorted(filter.status),
    subject: filter.subject_id === undefined ? null : subjectOf(filter.subject_id),
    eventIds: sorted(listed(filter.event_id)?.map((id) => parseEventId(id) ?? "")),
    errorCodes: sorted(filter.error_code),
    from: from === undefined ? null : parseInstant(from, [...loc, "from"]),
    to: to === undefined ? null : parseInstant(to, [...loc, "to"]),
  };
}

/** Writes the filter as the members of a body, each repeatable filter as a list. */
export function deliveryFilterAnswer(search: DeliverySearch) {
  const { subject } = search;
  return withoutNulls({
    endpoint_id: search.subscriptionIds,
    contract: search.contracts,
    event_type: search.eventTypes,
    status: search.statuses,
    subject_id: subject && nameOfSubject(subject),
    event_id: search.eventIds?.map(publicEventId) ?? null,
    error_code: search.errorCodes,
    from: search.from?.toISOString() ?? null,
    to: search.to?.toISOString() ?? null,
  });
}

/** Leaves out filters that were not given. */
export const withoutNulls = (filter: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== null));

const listed = <Value>(
  given: Value | readonly Value[] | undefined,
): readonly Value[] | undefined =>
  given === undefined || Array.isArray(given)
    ? (given as readonly Value[] | undefined)
    : [given as Value];

/** The sorted values of a repeatable parameter, so that a cursor does not depend on their order; null when it was not given. */
export const sorted = <Value extends string>(
  given: Value | readonly Value[] | undefined,
): Value[] | null => {
  const values = listed(given);
  return values === undefined ? null : [...new Set(values)].sort();
};

function nameOfSubject(subject: Subject): string {
  if ("callId" in subject) return subject.callId;
  return "stepId" in subject ? `${subject.runId}:${subject.stepId}` : subject.id;
}

function subjectOf(text: string): Subject {
  if (isObjectId(text)) return { id: text };
  if (new RegExp(callIdPattern).test(text)) return { callId: text };
  return { runId: text.slice(0, 24), stepId: text.slice(25) };
}
