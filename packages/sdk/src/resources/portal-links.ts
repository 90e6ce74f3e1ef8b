import type {
  ListPortalLinksAnswer,
  ListPortalLinksQuery,
  NewPortalLink,
  PortalLinkCreate,
} from "../api.gen.ts";
import { pathSegment } from "../guards.ts";
import { eachByCursor } from "../paging.ts";
import type { RequestOptions, Send } from "../request.ts";

/** Links that give a team's customers access to the portal. */
export function portalLinks(send: Send) {
  const path = "/v1/portal-links";
  const list = (query: ListPortalLinksQuery = {}, options: RequestOptions = {}) =>
    send<ListPortalLinksAnswer>({ method: "GET", path, query }, options);
  return {
    /** Creates a link. Its `url` is shown only once. */
    create: (body: PortalLinkCreate, options: RequestOptions = {}) =>
      send<NewPortalLink>({ method: "POST", path, body }, options),
    list,
    each: (options: RequestOptions = {}) =>
      eachByCursor(
        {},
        (at) => list({ limit: 200, ...at }, options),
        (answer) => answer.portal_links,
      ),
    /** Revokes a link and ends its sessions. */
    revoke: (id: string, options: RequestOptions = {}) =>
      send<void>({ method: "DELETE", path: `${path}/${pathSegment(id)}` }, options),
  };
}
