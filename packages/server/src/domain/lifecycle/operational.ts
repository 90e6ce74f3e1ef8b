/** The event types of operational webhooks. */
export const operationalEventTypes = [
  "endpoint.failing",
  "endpoint.recovered",
  "endpoint.disabled",
  "delivery.exhausted",
  "replay.completed",
  "backlog.growing",
] as const;
export type OperationalEventType = (typeof operationalEventTypes)[number];

/** An endpoint as events show it. Times are RFC 3339. */
export type ToldEndpoint = {
  id: string;
  contract: string;
  name: string;
  url: string;
  /** When the first failed delivery of the period was made. */
  failing_since: string;
  /** When it recovered or was disabled; null: neither. */
  until: string | null;
};

/** A delivery that used up its retries, as events show it. */
export type ToldDelivery = {
  id: string;
  endpoint_id: string;
  contract: string;
  event_type: string;
  event_id: string;
  attempts_count: number;
  status_code: number | null;
  error_code: string | null;
  created_at: string;
};

/** A replay that ended without being cancelled, as events show it. */
export type ToldReplay = {
  id: string;
  matching: number | null;
  replayed: number;
  delivered: number;
  failed: number;
  created_at: string;
  finished_at: string;
};

/** Due deliveries of all teams that have waited too long, without those of failing and disabled endpoints. */
export type ToldBacklog = { oldest_due_at: string; age_seconds: number };

/** The data of each event type. */
export type OperationalData = {
  "endpoint.failing": { endpoint: ToldEndpoint };
  "endpoint.recovered": { endpoint: ToldEndpoint };
  "endpoint.disabled": { endpoint: ToldEndpoint };
  "delivery.exhausted": { delivery: ToldDelivery };
  "replay.completed": { replay: ToldReplay };
  "backlog.growing": { backlog: ToldBacklog };
};

/** Something about the service that operators are told; `key` is unique within its team. */
export type OperationalHappening = {
  kind: "operational";
  /** The team whose subscriptions are told. */
  teamId: string;
  key: string;
  /** The team that it is about, for a subscription to all teams; undefined for a team's own subscription. */
  aboutTeamId?: string;
} & {
  [Type in OperationalEventType]: { type: Type; data: OperationalData[Type] };
}[OperationalEventType];
