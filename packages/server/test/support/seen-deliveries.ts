import { expect, onTestFinished } from "vitest";
import type { CallAnswer, TestApi } from "./api.ts";
import { openFactsApi } from "./facts.ts";

/** A delivery as /v1/deliveries shows it. */
// biome-ignore lint/suspicious/noExplicitAny: a test looks into answers of every shape.
export type Seen = any;

/** One receiver of each contract, and what happens to their deliveries. */
export type SeenApi = TestApi & {
  workflowWebhook: string;
  webhook: string;
  assistant: string;
  make(path: string, body: object): Promise<Seen>;
  list(query?: string, key?: string): Promise<{ deliveries: Seen[]; next_cursor: string | null }>;
  get(id: string, key?: string): Promise<Seen>;
  retry(id: string, key?: string): Promise<CallAnswer>;
  /** Writes down an attempt at a delivery, as the recorder does. */
  attempt(id: string, outcome: "delivered" | "failed" | "retry", code?: string): Promise<void>;
  startRun(workflowId: string): Promise<string>;
};

/** Opens the API with a receiver for each contract; nothing is sent. */
export async function openSeenApi(): Promise<SeenApi> {
  const api = await openFactsApi();
  onTestFinished(() => api.close());
  const make = async (path: string, body: object) => {
    const made = await api.call("POST", path, { body });
    expect(made.status, made.text).toBe(201);
    return made.body;
  };
  const read = async (path: string, key = api.key) => {
    const answer = await api.call("GET", path, { key });
    expect(answer.status, answer.text).toBe(200);
    return answer.body;
  };
  const url = "https://example.com/in";
  const actions = ["workflow_created", "workflow_run_started", "workflow_run_completed"];
  const events = ["workflow.started", "workflow.completed", "workflow.step.started"];
  const messages = ["status-update", "conversation-update"];
  const server = { enabled: true, url, messages };
  const { sql } = api.database;
  return {
    ...api,
    workflowWebhook: (await make("/workflows/v1/workflow-webhooks", { name: "a", url, actions }))
      .id,
    webhook: (await make("/webhooks", { name: "b", url, events })).id,
    assistant: (await make("/assistants/v1/assistants", { name: "c", assistantServer: server })).id,
    make,
    list: (query = "", key) => read(`/v1/deliveries${query}`, key),
    get: (id, key) => read(`/v1/deliveries/${id}`, key),
    retry: (id, key = api.key) => api.call("POST", `/v1/deliveries/${id}/retry`, { key }),
    async attempt(id, outcome, code = outcome === "delivered" ? undefined : "http_status") {
      await sql`
        with moved as (
          update deliveries
          set attempt_count = attempt_count + 1, last_attempt_at = now(), manual = false,
              status = case ${outcome} when 'retry' then 'pending' else ${outcome} end,
              due_at = case when ${outcome} = 'retry' then now() + interval '1 minute' end,
              retry_at = case when ${outcome} = 'retry' then now() + interval '1 minute' end,
              finished_at = case when ${outcome} <> 'retry' then now() end,
              last_status_code = case when ${outcome} = 'delivered' then 200 else 500 end,
              last_error = case when ${outcome} <> 'delivered' then 'The receiver answered 500.' end
          where id = ${id} returning *
        )
        insert into attempts (delivery_id, number, delivery_created_at, id, team_id, request_url, success,
          status_code, response_body, error_code, error_message, latency_ms, will_retry)
        select id, attempt_count, created_at, left(md5(id || attempt_count), 24), team_id, ${url},
          ${outcome} = 'delivered', last_status_code, 'an answer', ${code}, last_error,
          100 + attempt_count, ${outcome} = 'retry'
        from moved`;
    },
    async startRun(workflow_id) {
      const { run } = await make("/workflows/v1/workflow-runs", { workflow_id, trigger: "manual" });
      return run.id;
    },
  };
}
