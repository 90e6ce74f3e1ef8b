import type { FastifyInstance } from "fastify";
import Type from "typebox";
import { allContracts } from "../../domain/contracts/all-contracts.ts";
import { nextCursorField } from "../cursor.ts";
import { TellingContract } from "../delivery-filter.ts";
import type { ApiDeps } from "../deps.ts";
import { eventDescriptions } from "../event-descriptions.ts";
import { eventSamples } from "../event-samples.ts";
import { operationalWebhookPayloads } from "../operational-schemas.ts";
import { askedByCursor, cursorOnlyQuery } from "../paging.ts";
import type { TypeBox } from "../request.ts";
import {
  assistantMessagePayloads,
  organisationWebhookPayloads,
  workflowWebhookPayloads,
} from "../webhook-schemas.ts";

const EventType = Type.Object(
  {
    type: Type.String(),
    contract: TellingContract,
    description: Type.String({ description: "When it is sent." }),
    schema: Type.Record(Type.String(), Type.Unknown(), {
      description: "The JSON Schema of the body.",
    }),
    sample: Type.Record(Type.String(), Type.Unknown(), { description: "A body as it is posted." }),
    max_bytes: Type.Integer({ description: "The maximum size of a body of this type." }),
  },
  { title: "EventType" },
);

const schemas: Readonly<Record<string, object>> = {
  ...workflowWebhookPayloads,
  ...organisationWebhookPayloads,
  ...assistantMessagePayloads,
  ...operationalWebhookPayloads,
};

const catalogue = allContracts.flatMap(({ name: contract, eventTypes, bodyBytesMax }) =>
  eventTypes.map((type) => ({
    type,
    contract,
    description: eventDescriptions[type] ?? "",
    schema: schemas[type] as Record<string, unknown>,
    sample: eventSamples.get(`${contract} ${type}`) as Record<string, unknown>,
    max_bytes: bodyBytesMax[type] ?? 0,
  })),
);

/** The catalogue of event types: the same for every team. */
export function eventTypeRoutes(fastify: FastifyInstance, deps: ApiDeps): void {
  fastify.withTypeProvider<TypeBox>().get(
    "/v1/event-types",
    {
      config: { scope: "read" },
      schema: {
        operationId: "listEventTypes",
        summary: "Lists the event types of all contracts",
        description:
          "Each event type has the JSON Schema of its body, a sample, and the maximum size of a body in bytes.",
        tags: ["Event types"],
        querystring: Type.Object(cursorOnlyQuery, { additionalProperties: false }),
        response: {
          200: Type.Object({ event_types: Type.Array(EventType), ...nextCursorField }),
        },
      },
    },
    async ({ query, caller }) => {
      const list = { keyring: deps.keyring, caller, name: "event types", filter: {} };
      const { page, told } = askedByCursor(list, query);
      const last = page.after?.row[0];
      const begin = catalogue.findIndex(({ type }) => type === last) + 1;
      const rows = catalogue.slice(begin, begin + page.limit);
      const end = rows.at(-1)?.type;
      const more = end !== undefined && begin + rows.length < catalogue.length;
      // The catalogue changes only with the service's version: its cursors need no snapshot.
      const next = more ? { start: ["", ""] as [string, string], row: [end] } : null;
      return { event_types: rows, ...told({ next }) };
    },
  );
}
