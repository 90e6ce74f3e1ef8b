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
import { type Delay, startedReplay } from "./replays.ts";
import { signingSecrets } from "./signing-secrets.ts";

const base = "/workflows/v1/workflow-webhooks";

/** Workflow webhooks, their deliveries, and the attempts of each. */
export function workflowWebhooks(send: Send, delay: Delay) {
  const at = (id: string) => `${base}/${pathSegment(id)}`;
  const eventAt = (id: string) => `${base}/events/${pathSegment(id)}`;

  const list = (query: ListWorkflowWebhooksQuery = {}, options: RequestOptions = {}) =>
    send<ListWorkflowWebhooksAnswer>({ ...options, method: "GET", path: base, query });
  const listEvents = (query: ListWorkflowWebhookEventsQuery = {}, options: RequestOptions = {}) =>
    send<ListWorkflowWebhookEventsAnswer>({
      ...options,
      method: "GET",
      path: `${base}/events`,
      query,
    });
  const listAttempts = (
    eventId: string,
    query: ListWorkflowWebhookAttemptsQuery = {},
    options: RequestOptions = {},
  ) =>
    send<ListWorkflowWebhookAttemptsAnswer>({
      ...options,
      method: "GET",
      path: `${eventAt(eventId)}/attempts`,
      query,
    });

  return {
    create: (body: WorkflowWebhookCreate, options: RequestOptions = {}) =>
      send<WorkflowWebhook>({ ...options, method: "POST", path: base, body }),
    list,
    each: (query: Walk<ListWorkflowWebhooksQuery> = {}, options: RequestOptions = {}) =>
      eachByCursor(
        (at) => list({ ...query, ...at }, options),
        (answer) => answer.subscriptions,
      ),
    get: (id: string, options: RequestOptions = {}) =>
      send<WorkflowWebhook>({ ...options, method: "GET", path: at(id) }),
    update: (id: string, body: WorkflowWebhookUpdate, options: RequestOptions = {}) =>
      send<WorkflowWebhook>({ ...options, method: "PATCH", path: at(id), body }),
    delete: (id: string, options: RequestOptions = {}) =>
      send<void>({ ...options, method: "DELETE", path: at(id) }),
    /** Sends a sample event of an action to this webhook alone. */
    test: (id: string, body: WorkflowWebhookTest, options: RequestOptions = {}) =>
      send<TestWorkflowWebhookAnswer>({ ...options, method: "POST", path: `${at(id)}/test`, body }),
    ...signingSecrets(send, at),
    events: {
      list: listEvents,
      /** Yields deliveries, newest first: each one that existed at the beginning, whatever is retried meanwhile. */
      each: (query: Walk<ListWorkflowWebhookEventsQuery> = {}, options: RequestOptions = {}) =>
        eachByCursor(
          (at) => listEvents({ ...query, ...at }, options),
          (answer) => answer.events,
        ),
      listAttempts,
      /** Yields attempts, newest first. */
      eachAttempt: (eventId: string, options: RequestOptions = {}) =>
        eachByCursor(
          (at) => listAttempts(eventId, at, options),
          (answer) => answer.attempts,
        ),
      /** Retries a delivery now; takes an `event_id` or an `_id`. */
      retry: (id: string, options: RequestOptions = {}) =>
        send<RetryWorkflowWebhookEventAnswer>({
          ...options,
          method: "POST",
          path: `${eventAt(id)}/retry`,
        }),
      /** Starts a replay of the deliveries that match the filter; find it in `client.replays`. */
      replay: async (
        body: Omit<WorkflowWebhookReplayStart, "dry_run">,
        options: RequestOptions = {},
      ) => {
        const path = `${base}/events/replay`;
        const replay = await send<Replay>({ ...options, method: "POST", path, body });
        return startedReplay(send, delay, replay);
      },
      /** Counts the deliveries that a replay would retry, without starting one. */
      replayDryRun: (
        body: Omit<WorkflowWebhookReplayStart, "dry_run">,
        options: RequestOptions = {},
      ) =>
        send<ReplayDryRun>({
          ...options,
          method: "POST",
          path: `${base}/events/replay`,
          body: { ...body, dry_run: true },
        }),
    },
  };
}
