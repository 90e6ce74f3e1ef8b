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
    send<ListAssistantsAnswer>({ method: "GET", path: base, query }, options);
  const listDeliveries = (
    id: string,
    query: ListAssistantDeliveriesQuery = {},
    options: RequestOptions = {},
  ) =>
    send<ListAssistantDeliveriesAnswer>(
      { method: "GET", path: `${at(id)}/deliveries`, query },
      options,
    );

  return {
    create: (body: AssistantCreate, options: RequestOptions = {}) =>
      send<Assistant>({ method: "POST", path: base, body }, options),
    list,
    each: (query: Walk<ListAssistantsQuery> = {}, options: RequestOptions = {}) =>
      eachByCursor(
        query,
        (at) => list(at, options),
        (answer) => answer.assistants,
      ),
    get: (id: string, options: RequestOptions = {}) =>
      send<Assistant>({ method: "GET", path: at(id) }, options),
    update: (id: string, body: AssistantUpdate, options: RequestOptions = {}) =>
      send<Assistant>({ method: "PATCH", path: at(id), body }, options),
    delete: (id: string, options: RequestOptions = {}) =>
      send<void>({ method: "DELETE", path: at(id) }, options),
    ...signingSecrets(send, at),
    listDeliveries,
    /** Gives the deliveries of an assistant's server, newest first. */
    eachDelivery: (
      id: string,
      query: Walk<ListAssistantDeliveriesQuery> = {},
      options: RequestOptions = {},
    ) =>
      eachByCursor(
        query,
        (at) => listDeliveries(id, at, options),
        (answer) => answer.deliveries,
      ),
  };
}
