import type {
  ListEndpointsAnswer,
  ListPortalLinksAnswer,
  NewPortalLink,
  PortalLinkCreate,
} from "@postrider/sdk";
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { ask } from "./request.ts";

/** The team's valid portal links, page after page. */
export const portalLinksQuery = infiniteQueryOptions({
  queryKey: ["portal links"],
  queryFn: ({ signal, pageParam }) =>
    ask<ListPortalLinksAnswer>("GET", "/v1/portal-links", {
      query: { limit: 100, ...(pageParam === null ? {} : { cursor: pageParam }) },
      signal,
    }),
  initialPageParam: null as string | null,
  getNextPageParam: (page) => page.next_cursor,
  staleTime: 0,
});

/** The endpoints of one of the viewer's teams, without operational ones: a link can be for these. */
export const endpointsOfTeamQuery = (team: string) =>
  queryOptions({
    queryKey: ["endpoints of team", team],
    queryFn: ({ signal }) =>
      ask<ListEndpointsAnswer>("GET", "/v1/endpoints", { query: { limit: 200 }, team, signal }),
  });

/** Creates a link; only this answer has its URL. */
export const createPortalLink = (body: PortalLinkCreate): Promise<NewPortalLink> =>
  ask("POST", "/v1/portal-links", { body });

/** Revokes a link, and ends its sessions. */
export const revokePortalLink = (id: string): Promise<void> =>
  ask("DELETE", `/v1/portal-links/${encodeURIComponent(id)}`);
