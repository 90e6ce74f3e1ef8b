import type {
  ListEndpointsAnswer,
  ListPortalLinksAnswer,
  NewPortalLink,
  PortalLinkCreate,
} from "@postrider/sdk";
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { ask } from "./request.ts";

/** The team's portal links that work, page after page. */
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

/** The endpoints of any of the viewer's teams, those of operators aside: what a link can be for. */
export const endpointsOfTeamQuery = (team: string) =>
  queryOptions({
    queryKey: ["endpoints of team", team],
    queryFn: ({ signal }) =>
      ask<ListEndpointsAnswer>("GET", "/v1/endpoints", { query: { limit: 200 }, team, signal }),
  });

/** Makes a link; the answer is the only one that has it. */
export const createPortalLink = (body: PortalLinkCreate): Promise<NewPortalLink> =>
  ask("POST", "/v1/portal-links", { body });

/** Takes a link back, and ends what it opened. */
export const revokePortalLink = (id: string): Promise<void> =>
  ask("DELETE", `/v1/portal-links/${encodeURIComponent(id)}`);
