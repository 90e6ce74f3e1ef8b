/** What operational webhooks tell of. */
export const operationalEventTypes = [
  "endpoint.failing",
  "endpoint.recovered",
  "endpoint.disabled",
  "delivery.exhausted",
  "replay.completed",
  "backlog.growing",
] as const;
export type OperationalEventType = (typeof operationalEventTypes)[number];

/** An endpoint, as it is told. Times are RFC 3339. */
export type ToldEndpoint = {
  id: string;
  contract: string;
  name: string;
  url: string;
  /** When the first delivery of the spell was made that failed. */
  failing_since: string;
  /** When it recovered, or was disabled. */
  until: string | null;
};

/** A delivery that used up its retries. */
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

/** A replay that has ended by itself. */
export type ToldReplay = {
  id: string;
  matching: number | null;
  replayed: number;
  delivered: number;
  failed: number;
  created_at: string;
  finished_at: string;
};

/** Deliveries that are due and have waited for too long, over all teams; those of failing and disabled endpoints aside. */
export type ToldBacklog = { oldest_due_at: string; age_seconds: number };

/** What is told with an event type. */
export type OperationalData = {
  "endpoint.failing": { endpoint: ToldEndpoint };
  "endpoint.recovered": { endpoint: ToldEndpoint };
  "endpoint.disabled": { endpoint: ToldEndpoint };
  "delivery.exhausted": { delivery: ToldDelivery };
  "replay.completed": { replay: ToldReplay };
  "backlog.growing": { backlog: ToldBacklog };
};

/** Something about the service that an operator is told; `key` names it among all of its team. */
export type OperationalHappening = {
  kind: "operational";
  /** The team whose subscriptions are told. */
  teamId: string;
  key: string;
  /** The team that it is about, for a subscription that hears of all teams; undefined for a team's own. */
  aboutTeamId?: string;
} & {
  [Type in OperationalEventType]: { type: Type; data: OperationalData[Type] };
}[OperationalEventType];
