import type {
  Assistant,
  AssistantCreate,
  AssistantUpdate,
  ListAssistantDeliveriesAnswer,
  ListAssistantDeliveriesQuery,
  ListAssistantsAnswer,
  ListAssistantsQuery,
} from "../api.gen.ts";
import { pathSegment } from "../guards.ts";
import { eachByCursor, type Walk } from "../paging.ts";
import type { RequestOptions, Send } from "../request.ts";
import { signingSecrets } from "./signing-secrets.ts";

const base = "/assistants/v1/assistants";

/** Assistants, their servers, and the deliveries to these. */
export function assistants(send: Send) {
  const at = (id: string) => `${base}/${pathSegment(id)}`;

  const list = (query: ListAssistantsQuery = {}, options: RequestOptions = {}) =>
    send<ListAssistantsAnswer>({ ...options, method: "GET", path: base, query });
  const listDeliveries = (
    id: string,
    query: ListAssistantDeliveriesQuery = {},
    options: RequestOptions = {},
  ) =>
    send<ListAssistantDeliveriesAnswer>({
      ...options,
      method: "GET",
      path: `${at(id)}/deliveries`,
      query,
    });

  return {
    create: (body: AssistantCreate, options: RequestOptions = {}) =>
      send<Assistant>({ ...options, method: "POST", path: base, body }),
    list,
    each: (query: Walk<ListAssistantsQuery> = {}, options: RequestOptions = {}) =>
      eachByCursor(
        (at) => list({ ...query, ...at }, options),
        (answer) => answer.assistants,
      ),
    get: (id: string, options: RequestOptions = {}) =>
      send<Assistant>({ ...options, method: "GET", path: at(id) }),
    update: (id: string, body: AssistantUpdate, options: RequestOptions = {}) =>
      send<Assistant>({ ...options, method: "PATCH", path: at(id), body }),
    delete: (id: string, options: RequestOptions = {}) =>
      send<void>({ ...options, method: "DELETE", path: at(id) }),
    ...signingSecrets(send, at),
    listDeliveries,
    /** Gives the deliveries of an assistant's server, newest first. */
    eachDelivery: (
      id: string,
      query: Walk<ListAssistantDeliveriesQuery> = {},
      options: RequestOptions = {},
    ) =>
      eachByCursor(
        (at) => listDeliveries(id, { ...query, ...at }, options),
        (answer) => answer.deliveries,
      ),
  };
}
