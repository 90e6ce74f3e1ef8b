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
import { eachByCursor, eachByOffset } from "../paging.ts";
import type { RequestOptions, Send } from "../request.ts";
import { signingSecrets } from "./signing-secrets.ts";

const base = "/webhooks";

/** Organisation webhooks and their delivery logs. */
export function webhooks(send: Send) {
  const at = (id: string) => `${base}/${pathSegment(id)}`;

  const list = (query: ListWebhooksQuery = {}, options: RequestOptions = {}) =>
    send<ListWebhooksAnswer>({ ...options, method: "GET", path: base, query });
  const listLogs = (id: string, query: ListWebhookLogsQuery = {}, options: RequestOptions = {}) =>
    send<ListWebhookLogsAnswer>({ ...options, method: "GET", path: `${at(id)}/logs`, query });
  const listAllLogs = (query: ListAllWebhookLogsQuery = {}, options: RequestOptions = {}) =>
    send<ListWebhookLogsAnswer>({ ...options, method: "GET", path: `${base}/logs/all`, query });

  return {
    create: (body: WebhookCreate, options: RequestOptions = {}) =>
      send<Webhook>({ ...options, method: "POST", path: base, body }),
    list,
    each: (options: RequestOptions = {}) =>
      eachByCursor(
        (at) => list({ limit: 100, ...at }, options),
        (answer) => answer.webhooks,
      ),
    get: (id: string, options: RequestOptions = {}) =>
      send<Webhook>({ ...options, method: "GET", path: at(id) }),
    update: (id: string, body: WebhookUpdate, options: RequestOptions = {}) =>
      send<Webhook>({ ...options, method: "PATCH", path: at(id), body }),
    delete: (id: string, options: RequestOptions = {}) =>
      send<void>({ ...options, method: "DELETE", path: at(id) }),
    /** Sends a sample `workflow.completed` to this webhook alone. */
    test: (id: string, options: RequestOptions = {}) =>
      send<TestWebhookAnswer>({ ...options, method: "POST", path: `${at(id)}/test` }),
    ...signingSecrets(send, at),
    listLogs,
    /** Gives the log entries of a webhook by offset: this list has no cursor yet. What is removed meanwhile moves others, which are missed. */
    eachLog: (id: string, options: RequestOptions = {}) =>
      eachByOffset(async (window) => (await listLogs(id, window, options)).logs),
    listAllLogs,
    /** The same for all webhooks. */
    eachLogOfAll: (query: ListAllWebhookLogsQuery = {}, options: RequestOptions = {}) =>
      eachByOffset(
        async (window) => (await listAllLogs({ ...query, ...window }, options)).logs,
        query.limit,
      ),
  };
}
