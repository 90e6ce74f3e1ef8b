import type { Endpoint, ListEndpointsAnswer, SigningSecret } from "@postrider/sdk";
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { ask } from "./request.ts";

/** The filter of endpoints. */
export type EndpointFilter = {
  state?: readonly string[];
  contract?: readonly string[];
  search?: string | undefined;
};

/** The first page of endpoints: enough for names, counts and problems. */
export const endpointsQuery = (filter: EndpointFilter = {}) =>
  queryOptions({
    queryKey: ["endpoints", "first", filter],
    queryFn: ({ signal }) =>
      ask<ListEndpointsAnswer>("GET", "/v1/endpoints", {
        query: { ...filter, limit: 200 },
        signal,
      }),
  });

/** All endpoints, page after page. */
export const allEndpointsQuery = (filter: EndpointFilter) =>
  infiniteQueryOptions({
    queryKey: ["endpoints", "all", filter],
    queryFn: ({ signal, pageParam }) =>
      ask<ListEndpointsAnswer>("GET", "/v1/endpoints", {
        query:
          pageParam === null
            ? { ...filter, limit: 100 }
            : { ...filter, limit: 100, cursor: pageParam },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });

/** One endpoint with its health. */
export const endpointQuery = (id: string) =>
  queryOptions({
    queryKey: ["endpoints", "one", id],
    queryFn: ({ signal }) =>
      ask<Endpoint>("GET", `/v1/endpoints/${encodeURIComponent(id)}`, { signal }),
  });

/** The name of one endpoint. */
export const endpointNameQuery = (id: string) =>
  queryOptions<string>({
    queryKey: ["endpoints", "name", id],
    queryFn: async ({ signal }) =>
      (await ask<Endpoint>("GET", `/v1/endpoints/${encodeURIComponent(id)}`, { signal })).name,
  });

/** Enables or disables an endpoint. */
export const switchEndpoint = (id: string, to: "enable" | "disable"): Promise<Endpoint> =>
  ask("POST", `/v1/endpoints/${encodeURIComponent(id)}/${to}`);

/** The API path of an endpoint's configuration, by its contract. */
export function configPath({ contract, id }: Pick<Endpoint, "contract" | "id">): string {
  const paths: Readonly<Record<Endpoint["contract"], string>> = {
    workflow: "/workflows/v1/workflow-webhooks",
    organisation: "/webhooks",
    assistant: "/assistants/v1/assistants",
    operational: "/v1/operational-webhooks",
    listener: "/v1/listeners",
  };
  return `${paths[contract]}/${encodeURIComponent(id)}`;
}

/** Reads the signing secret; the audit log notes who read it. */
export const revealSecret = (of: Pick<Endpoint, "contract" | "id">): Promise<SigningSecret> =>
  ask("GET", `${configPath(of)}/signing-secret`);

/** Creates a new signing secret; the old one stays valid for 24 hours. */
export const rotateSecret = (of: Pick<Endpoint, "contract" | "id">): Promise<SigningSecret> =>
  ask("POST", `${configPath(of)}/signing-secret/rotate`);
