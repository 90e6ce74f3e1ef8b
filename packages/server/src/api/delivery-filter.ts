import Type, { type Static, type TSchema } from "typebox";
import type { DeliverySearch } from "../db/delivery-sought.ts";
import type { Subject } from "../db/delivery-subjects.ts";
import { allContracts } from "../domain/contracts/all-contracts.ts";
import { deliveryStatuses } from "../domain/delivery.ts";
import { callIdPattern, isObjectId, objectIdPattern, parseEventId } from "../ids.ts";
import { allBut } from "./characters.ts";
import { Instant, parseInstant } from "./fields.ts";

/** The contracts there are, by name. */
export const contracts = allContracts.map(({ name }) => name);
const eventTypes = [...new Set(allContracts.flatMap((contract) => contract.eventTypes))];

/** The contracts as answers and filters name them. */
export const ContractName = Type.Enum(contracts);

/** A parameter that may be repeated: each of its values will do. */
export const anyOf = <Schema extends TSchema>(schema: Schema) =>
  Type.Optional(Type.Array(schema, { minItems: 1, maxItems: 50 }));

/** An id is what stands between the anchors of its pattern. */
const within = (pattern: string) => pattern.slice(1, -1);

const SubjectId = Type.String({
  maxLength: 512,
  pattern: `^(${within(objectIdPattern)}(:${allBut([[0, 0]])}+)?|${within(callIdPattern)})$`,
  title: "the id of a workflow, run, call or assistant, or <run id>:<step id>",
});

const description =
  "A workflow, a run, a step (`<run id>:<step id>`), a call or an assistant; what is below it matches too.";

/** The query parameters that say which deliveries are asked for. */
export const deliveryFilterQuery = {
  endpoint_id: anyOf(Type.String({ pattern: objectIdPattern, title: "an endpoint's id" })),
  contract: anyOf(ContractName),
  event_type: anyOf(Type.Enum(eventTypes)),
  status: anyOf(Type.Enum([...deliveryStatuses])),
  subject_id: Type.Optional({ ...SubjectId, description }),
  event_id: anyOf(
    Type.String({
      pattern: "^event_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
      title: "an event's id, `event_` and a UUID",
    }),
  ),
  error_code: anyOf(
    Type.String({ pattern: "^[a-z][a-z0-9_]{0,63}$", title: "an error code such as timeout" }),
  ),
  from: Type.Optional(Instant),
  to: Type.Optional(Instant),
};

const Query = Type.Object(deliveryFilterQuery);

/** Reads them. Values are sorted, so that their order is none of a cursor's business. */
export function deliveryFilterOf(query: Static<typeof Query>): DeliverySearch {
  const { from, to } = query;
  return {
    subscriptionIds: sorted(query.endpoint_id),
    contracts: sorted(query.contract),
    eventTypes: sorted(query.event_type),
    statuses: sorted(query.status),
    subject: query.subject_id === undefined ? null : subjectOf(query.subject_id),
    eventIds: sorted(query.event_id?.map((id) => parseEventId(id) ?? "")),
    errorCodes: sorted(query.error_code),
    from: from === undefined ? null : parseInstant(from, ["query", "from"]),
    to: to === undefined ? null : parseInstant(to, ["query", "to"]),
  };
}

/** The values of such a parameter, in an order that is none of a cursor's business; null when it was left out. */
export const sorted = <Value extends string>(
  values: readonly Value[] | undefined,
): Value[] | null => (values === undefined ? null : [...new Set(values)].sort());

function subjectOf(text: string): Subject {
  if (isObjectId(text)) return { id: text };
  if (new RegExp(callIdPattern).test(text)) return { callId: text };
  return { runId: text.slice(0, 24), stepId: text.slice(25) };
}
