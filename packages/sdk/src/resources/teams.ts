import type {
  ApiKeyCreate,
  EraseTeamAnswer,
  ListApiKeysAnswer,
  ListApiKeysQuery,
  ListTeamsAnswer,
  ListTeamsQuery,
  Me,
  NewApiKey,
  Team,
  TeamCreate,
  TeamSettings,
  TeamUpdate,
} from "../api.gen.ts";
import { pathSegment } from "../guards.ts";
import { eachByCursor } from "../paging.ts";
import type { RequestOptions, Send } from "../request.ts";

/** The teams that the calling key reaches. */
export function teams(send: Send) {
  const path = "/v1/teams";
  const at = (id: string) => `${path}/${pathSegment(id)}`;
  const list = (query: ListTeamsQuery = {}, options: RequestOptions = {}) =>
    send<ListTeamsAnswer>({ method: "GET", path, query }, options);
  return {
    create: (body: TeamCreate, options: RequestOptions = {}) =>
      send<Team>({ method: "POST", path, body }, options),
    list,
    each: (options: RequestOptions = {}) =>
      eachByCursor(
        {},
        (at) => list({ limit: 200, ...at }, options),
        (answer) => answer.teams,
      ),
    get: (id: string, options: RequestOptions = {}) =>
      send<TeamSettings>({ method: "GET", path: at(id) }, options),
    update: (id: string, body: TeamUpdate, options: RequestOptions = {}) =>
      send<TeamSettings>({ method: "PATCH", path: at(id), body }, options),
    /** Closes a team immediately and erases all its data. */
    erase: (id: string, options: RequestOptions = {}) =>
      send<EraseTeamAnswer>({ method: "DELETE", path: at(id) }, options),
  };
}

/** API keys. */
export function apiKeys(send: Send) {
  const path = "/v1/api-keys";
  const list = (query: ListApiKeysQuery = {}, options: RequestOptions = {}) =>
    send<ListApiKeysAnswer>({ method: "GET", path, query }, options);
  return {
    /** Creates a key. Its `key` is shown only once. */
    create: (body: ApiKeyCreate, options: RequestOptions = {}) =>
      send<NewApiKey>({ method: "POST", path, body }, options),
    list,
    each: (options: RequestOptions = {}) =>
      eachByCursor(
        {},
        (at) => list({ limit: 200, ...at }, options),
        (answer) => answer.api_keys,
      ),
    revoke: (id: string, options: RequestOptions = {}) =>
      send<void>({ method: "DELETE", path: `${path}/${pathSegment(id)}` }, options),
  };
}

/** The calling key: its name, its scopes and the teams it reaches. */
export const me = (send: Send) => ({
  get: (options: RequestOptions = {}) =>
    send<Me>({ method: "GET", path: "/accounts/v1/users/me" }, options),
});
