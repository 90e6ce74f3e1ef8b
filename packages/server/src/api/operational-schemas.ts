import Type, { type TObject, type TProperties } from "typebox";
import { nullable } from "./fields.ts";
import { EventId, Id, Instant, sample } from "./webhook-schemas.ts";

const ToldEndpoint = Type.Object(
  {
    id: Id,
    contract: Type.String(),
    name: Type.String(),
    url: Type.String(),
    failing_since: { ...Instant, description: "When the first failed delivery was created." },
    until: nullable(Instant),
  },
  { title: "ToldEndpoint" },
);

const ToldDelivery = Type.Object(
  {
    id: Id,
    endpoint_id: Id,
    contract: Type.String(),
    event_type: Type.String(),
    event_id: EventId,
    attempts_count: Type.Integer({ minimum: 1 }),
    status_code: nullable(Type.Integer()),
    error_code: nullable(Type.String()),
    created_at: Instant,
  },
  { title: "ToldDelivery" },
);

const ToldReplay = Type.Object(
  {
    id: Id,
    matching: nullable(Type.Integer({ minimum: 0 })),
    replayed: Type.Integer({ minimum: 0 }),
    delivered: Type.Integer({ minimum: 0 }),
    failed: Type.Integer({ minimum: 0 }),
    created_at: Instant,
    finished_at: Instant,
  },
  { title: "ToldReplay" },
);

const ToldBacklog = Type.Object(
  { oldest_due_at: Instant, age_seconds: Type.Integer({ minimum: 0 }) },
  { title: "ToldBacklog" },
);

/** Makes the schema of one operational event's payload around its data. */
const operationalPayload = (type: string, title: string, data: TProperties): TObject =>
  Type.Object(
    {
      event_id: EventId,
      type: Type.Literal(type),
      timestamp: Instant,
      data: Type.Object({
        team_id: Type.Optional({ ...Id, description: "Only for webhooks with `all_teams`." }),
        test: sample,
        ...data,
      }),
    },
    { title },
  );

/** Operational webhooks: the schemas of payloads, by event type. */
export const operationalWebhookPayloads: Readonly<Record<string, TObject>> = {
  "endpoint.failing": operationalPayload("endpoint.failing", "EndpointFailing", {
    endpoint: ToldEndpoint,
  }),
  "endpoint.recovered": operationalPayload("endpoint.recovered", "EndpointRecovered", {
    endpoint: ToldEndpoint,
  }),
  "endpoint.disabled": operationalPayload("endpoint.disabled", "EndpointDisabled", {
    endpoint: ToldEndpoint,
  }),
  "delivery.exhausted": operationalPayload("delivery.exhausted", "DeliveryExhausted", {
    delivery: ToldDelivery,
  }),
  "replay.completed": operationalPayload("replay.completed", "ReplayCompleted", {
    replay: ToldReplay,
  }),
  "backlog.growing": operationalPayload("backlog.growing", "BacklogGrowing", {
    backlog: ToldBacklog,
  }),
};
