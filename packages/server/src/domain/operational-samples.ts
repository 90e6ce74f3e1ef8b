import type { OperationalHappening } from "./lifecycle/operational.ts";

/** One made-up happening of each operational event type, to test a webhook and to show in the catalogue. */
export function operationalSamples(teamId: string, key: string, now: Date): OperationalHappening[] {
  const common = { kind: "operational", teamId, key } as const;
  const at = (minutesAgo: number) => new Date(now.getTime() - minutesAgo * 60_000).toISOString();
  const id = "6b0c3f2a9d4e5f6071829308";
  const endpoint = {
    id,
    contract: "workflow",
    name: "Billing system",
    url: "https://billing.example/webhooks",
    failing_since: at(12),
    until: null,
  };
  return [
    { ...common, type: "endpoint.failing", data: { endpoint } },
    { ...common, type: "endpoint.recovered", data: { endpoint: { ...endpoint, until: at(0) } } },
    { ...common, type: "endpoint.disabled", data: { endpoint: { ...endpoint, until: at(0) } } },
    {
      ...common,
      type: "delivery.exhausted",
      data: {
        delivery: {
          id: "6b0c3f2a9d4e5f6071829309",
          endpoint_id: id,
          contract: "workflow",
          event_type: "workflow_run_completed",
          event_id: "event_6b0c3f2a-9d4e-8f60-8182-930a0b0c0d0e",
          attempts_count: 4,
          status_code: 503,
          error_code: "http_status",
          created_at: at(12),
        },
      },
    },
    {
      ...common,
      type: "replay.completed",
      data: {
        replay: {
          id: "6b0c3f2a9d4e5f607182930a",
          matching: 312,
          replayed: 312,
          delivered: 312,
          failed: 0,
          created_at: at(1),
          finished_at: at(0),
        },
      },
    },
    {
      ...common,
      type: "backlog.growing",
      data: { backlog: { oldest_due_at: at(3), age_seconds: 180 } },
    },
  ];
}
