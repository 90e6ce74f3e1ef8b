import type {
  ListSessionsAnswer,
  ListSessionsQuery,
  Session,
  SessionCreate,
  SessionUpdate,
  SignIn,
} from "../api.gen.ts";
import { pathSegment } from "../guards.ts";
import { eachByCursor } from "../paging.ts";
import type { RequestOptions, Send } from "../request.ts";

/** Browser sessions of the calling key. */
export function sessions(send: Send) {
  const path = "/v1/sessions";
  const at = (id: string) => `${path}/${pathSegment(id)}`;
  const list = (query: ListSessionsQuery = {}, options: RequestOptions = {}) =>
    send<ListSessionsAnswer>({ method: "GET", path, query }, options);
  return {
    /** Gets the ways in which people can sign in to the dashboard. */
    ways: (options: RequestOptions = {}) =>
      send<SignIn>({ method: "GET", path: "/v1/sign-in" }, options),
    /** Opens a session; its cookie is in the answer's `Set-Cookie`, which browsers store. */
    create: (body: SessionCreate, options: RequestOptions = {}) =>
      send<Session>({ method: "POST", path, body }, options),
    list,
    each: (options: RequestOptions = {}) =>
      eachByCursor(
        {},
        (at) => list({ limit: 200, ...at }, options),
        (answer) => answer.sessions,
      ),
    get: (id: string, options: RequestOptions = {}) =>
      send<Session>({ method: "GET", path: at(id) }, options),
    /** Switches a session to another of the key's teams. */
    update: (id: string, body: SessionUpdate, options: RequestOptions = {}) =>
      send<Session>({ method: "PATCH", path: at(id), body }, options),
    end: (id: string, options: RequestOptions = {}) =>
      send<void>({ method: "DELETE", path: at(id) }, options),
    /** Ends all sessions of the key. */
    endAll: (options: RequestOptions = {}) => send<void>({ method: "DELETE", path }, options),
  };
}
