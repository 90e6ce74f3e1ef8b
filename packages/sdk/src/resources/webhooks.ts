import type {
  ListAllWebhookLogsQuery,
  ListWebhookLogsAnswer,
  ListWebhookLogsQuery,
  ListWebhooksAnswer,
  ListWebhooksQuery,
  TestWebhookAnswer,
  Webhook,
  WebhookCreate,
  WebhookUpdate,
} from "../api.gen.ts";
import { pathSegment } from "../guards.ts";
import { eachByCursor, type Walk } from "../paging.ts";
import type { RequestOptions, Send } from "../request.ts";
import { signingSecrets } from "./signing-secrets.ts";

const base = "/webhooks";

/** Organisation webhooks and their delivery logs. */
export function webhooks(send: Send) {
  const at = (id: string) => `${base}/${pathSegment(id)}`;

  const list = (query: ListWebhooksQuery = {}, options: RequestOptions = {}) =>
    send<ListWebhooksAnswer>({ method: "GET", path: base, query }, options);
  const listLogs = (id: string, query: ListWebhookLogsQuery = {}, options: RequestOptions = {}) =>
    send<ListWebhookLogsAnswer>({ method: "GET", path: `${at(id)}/logs`, query }, options);
  const listAllLogs = (query: ListAllWebhookLogsQuery = {}, options: RequestOptions = {}) =>
    send<ListWebhookLogsAnswer>({ method: "GET", path: `${base}/logs/all`, query }, options);

  return {
    create: (body: WebhookCreate, options: RequestOptions = {}) =>
      send<Webhook>({ method: "POST", path: base, body }, options),
    list,
    each: (options: RequestOptions = {}) =>
      eachByCursor(
        {},
        (at) => list({ limit: 100, ...at }, options),
        (answer) => answer.webhooks,
      ),
    get: (id: string, options: RequestOptions = {}) =>
      send<Webhook>({ method: "GET", path: at(id) }, options),
    update: (id: string, body: WebhookUpdate, options: RequestOptions = {}) =>
      send<Webhook>({ method: "PATCH", path: at(id), body }, options),
    delete: (id: string, options: RequestOptions = {}) =>
      send<void>({ method: "DELETE", path: at(id) }, options),
    /** Sends a sample `workflow.completed` to this webhook alone. */
    test: (id: string, options: RequestOptions = {}) =>
      send<TestWebhookAnswer>({ method: "POST", path: `${at(id)}/test` }, options),
    ...signingSecrets(send, at),
    listLogs,
    /** Gives the log entries of a webhook, those of the newest event first. */
    eachLog: (id: string, query: Walk<ListWebhookLogsQuery> = {}, options: RequestOptions = {}) =>
      eachByCursor(
        query,
        (at) => listLogs(id, { limit: 100, ...at }, options),
        (answer) => answer.logs,
      ),
    listAllLogs,
    /** The same for all webhooks. */
    eachLogOfAll: (query: Walk<ListAllWebhookLogsQuery> = {}, options: RequestOptions = {}) =>
      eachByCursor(
        query,
        (at) => listAllLogs({ limit: 100, ...at }, options),
        (answer) => answer.logs,
      ),
  };
}
