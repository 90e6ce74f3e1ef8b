import type {
  ListOperationalWebhookAttemptsAnswer,
  ListOperationalWebhookAttemptsQuery,
  ListOperationalWebhookEventsAnswer,
  ListOperationalWebhookEventsQuery,
  ListOperationalWebhooksAnswer,
  ListOperationalWebhooksQuery,
  OperationalWebhook,
  OperationalWebhookCreate,
  OperationalWebhookTest,
  OperationalWebhookUpdate,
  RetryOperationalWebhookEventAnswer,
  TestOperationalWebhookAnswer,
} from "../api.gen.ts";
import { pathSegment } from "../guards.ts";
import { eachByCursor, type Walk } from "../paging.ts";
import type { RequestOptions, Send } from "../request.ts";
import { signingSecrets } from "./signing-secrets.ts";
import { webhookEvents } from "./webhook-events.ts";

const base = "/v1/operational-webhooks";

/** Operational webhooks: events for operators about failing endpoints, used-up retries and replays. */
export function operationalWebhooks(send: Send) {
  const at = (id: string) => `${base}/${pathSegment(id)}`;
  const list = (query: ListOperationalWebhooksQuery = {}, options: RequestOptions = {}) =>
    send<ListOperationalWebhooksAnswer>({ method: "GET", path: base, query }, options);

  return {
    create: (body: OperationalWebhookCreate, options: RequestOptions = {}) =>
      send<OperationalWebhook>({ method: "POST", path: base, body }, options),
    list,
    each: (query: Walk<ListOperationalWebhooksQuery> = {}, options: RequestOptions = {}) =>
      eachByCursor(
        query,
        (at) => list(at, options),
        (answer) => answer.subscriptions,
      ),
    get: (id: string, options: RequestOptions = {}) =>
      send<OperationalWebhook>({ method: "GET", path: at(id) }, options),
    update: (id: string, body: OperationalWebhookUpdate, options: RequestOptions = {}) =>
      send<OperationalWebhook>({ method: "PATCH", path: at(id), body }, options),
    delete: (id: string, options: RequestOptions = {}) =>
      send<void>({ method: "DELETE", path: at(id) }, options),
    /** Sends a sample event of an action to this webhook alone. */
    test: (id: string, body: OperationalWebhookTest, options: RequestOptions = {}) =>
      send<TestOperationalWebhookAnswer>({ method: "POST", path: `${at(id)}/test`, body }, options),
    ...signingSecrets(send, at),
    /** Deliveries to operational webhooks, and their attempts. */
    events: webhookEvents<{
      query: ListOperationalWebhookEventsQuery;
      list: ListOperationalWebhookEventsAnswer;
      attemptsQuery: ListOperationalWebhookAttemptsQuery;
      attempts: ListOperationalWebhookAttemptsAnswer;
      retry: RetryOperationalWebhookEventAnswer;
    }>(send, base),
  };
}
