import type {
  ListWorkflowWebhookAttemptsAnswer,
  ListWorkflowWebhookAttemptsQuery,
  ListWorkflowWebhookEventsAnswer,
  ListWorkflowWebhookEventsQuery,
  ListWorkflowWebhooksAnswer,
  ListWorkflowWebhooksQuery,
  Replay,
  ReplayDryRun,
  RetryWorkflowWebhookEventAnswer,
  TestWorkflowWebhookAnswer,
  WorkflowWebhook,
  WorkflowWebhookCreate,
  WorkflowWebhookReplayStart,
  WorkflowWebhookTest,
  WorkflowWebhookUpdate,
} from "../api.gen.ts";
import { pathSegment } from "../guards.ts";
import { eachByCursor, type Walk } from "../paging.ts";
import type { RequestOptions, Send } from "../request.ts";
import { asDryRun, type Delay, startedReplay } from "./replays.ts";
import { signingSecrets } from "./signing-secrets.ts";
import { webhookEvents } from "./webhook-events.ts";

const base = "/workflows/v1/workflow-webhooks";

/** Workflow webhooks, their deliveries, and the attempts of each. */
export function workflowWebhooks(send: Send, delay: Delay) {
  const at = (id: string) => `${base}/${pathSegment(id)}`;

  const list = (query: ListWorkflowWebhooksQuery = {}, options: RequestOptions = {}) =>
    send<ListWorkflowWebhooksAnswer>({ method: "GET", path: base, query }, options);

  return {
    create: (body: WorkflowWebhookCreate, options: RequestOptions = {}) =>
      send<WorkflowWebhook>({ method: "POST", path: base, body }, options),
    list,
    each: (query: Walk<ListWorkflowWebhooksQuery> = {}, options: RequestOptions = {}) =>
      eachByCursor(
        query,
        (at) => list(at, options),
        (answer) => answer.subscriptions,
      ),
    get: (id: string, options: RequestOptions = {}) =>
      send<WorkflowWebhook>({ method: "GET", path: at(id) }, options),
    update: (id: string, body: WorkflowWebhookUpdate, options: RequestOptions = {}) =>
      send<WorkflowWebhook>({ method: "PATCH", path: at(id), body }, options),
    delete: (id: string, options: RequestOptions = {}) =>
      send<void>({ method: "DELETE", path: at(id) }, options),
    /** Sends a sample event of an action to this webhook alone. */
    test: (id: string, body: WorkflowWebhookTest, options: RequestOptions = {}) =>
      send<TestWorkflowWebhookAnswer>({ method: "POST", path: `${at(id)}/test`, body }, options),
    ...signingSecrets(send, at),
    events: {
      ...webhookEvents<{
        query: ListWorkflowWebhookEventsQuery;
        list: ListWorkflowWebhookEventsAnswer;
        attemptsQuery: ListWorkflowWebhookAttemptsQuery;
        attempts: ListWorkflowWebhookAttemptsAnswer;
        retry: RetryWorkflowWebhookEventAnswer;
      }>(send, base),
      /** Starts a replay of the deliveries that match the filter; find it in `client.replays`. */
      replay: async (
        body: Omit<WorkflowWebhookReplayStart, "dry_run">,
        options: RequestOptions = {},
      ) => {
        const path = `${base}/events/replay`;
        const replay = await send<Replay>({ method: "POST", path, body }, options);
        return startedReplay(send, delay, replay);
      },
      /** Counts the deliveries that a replay would retry, without starting one. */
      replayDryRun: async (
        body: Omit<WorkflowWebhookReplayStart, "dry_run">,
        options: RequestOptions = {},
      ) =>
        send<ReplayDryRun>(
          { method: "POST", path: `${base}/events/replay`, body: asDryRun(body) },
          options,
        ),
    },
  };
}
