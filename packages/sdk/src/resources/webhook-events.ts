import { pathSegment } from "../guards.ts";
import { eachByCursor, type Walk } from "../paging.ts";
import type { RequestOptions, Send } from "../request.ts";

type Cursored = { next_cursor: string | null };

/** The queries and answers of one kind of webhook's events. */
type EventShapes = {
  query: object;
  list: Cursored & { events: object[] };
  attemptsQuery: object;
  attempts: Cursored & { attempts: object[] };
  retry: object;
};

/** The deliveries of one kind of webhook, under the path of its subscriptions, and their attempts. */
export function webhookEvents<Of extends EventShapes>(send: Send, base: string) {
  const at = (id: string) => `${base}/events/${pathSegment(id)}`;
  const list = (query?: Of["query"], options: RequestOptions = {}) =>
    send<Of["list"]>({ method: "GET", path: `${base}/events`, query }, options);
  const listAttempts = (
    eventId: string,
    query?: Of["attemptsQuery"],
    options: RequestOptions = {},
  ) => send<Of["attempts"]>({ method: "GET", path: `${at(eventId)}/attempts`, query }, options);

  return {
    list,
    /** Yields deliveries, newest first: each that existed when it began, whatever is retried meanwhile. */
    each: (query: Walk<Of["query"]> = {} as Walk<Of["query"]>, options: RequestOptions = {}) =>
      eachByCursor<Walk<Of["query"]>, Of["list"], Of["list"]["events"][number]>(
        query,
        (at) => list(at, options),
        (answer) => answer.events,
      ),
    listAttempts,
    /** Yields attempts, newest first. */
    eachAttempt: (eventId: string, options: RequestOptions = {}) =>
      eachByCursor<object, Of["attempts"], Of["attempts"]["attempts"][number]>(
        {},
        (at) => listAttempts(eventId, at, options),
        (answer) => answer.attempts,
      ),
    /** Retries a delivery now; takes an `event_id` or an `_id`. */
    retry: (id: string, options: RequestOptions = {}) =>
      send<Of["retry"]>({ method: "POST", path: `${at(id)}/retry` }, options),
  };
}
