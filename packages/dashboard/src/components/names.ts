import { type UseQueryOptions, useQueries, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { assistantNameQuery, assistantNamesQuery } from "../api/assistants.ts";
import { endpointNameQuery, endpointsQuery } from "../api/endpoints.ts";
import { workflowNameQuery, workflowNamesQuery } from "../api/workflows.ts";
import { type Named, unnamedOf } from "../words/names.ts";

/** Finds a name by its id; undefined while it is loaded, and for what is deleted. */
export type NameOf = (id: string) => string | undefined;

/** Gives the names of these workflows. */
export function useWorkflowNames(ids: readonly string[]): NameOf {
  const { data } = useQuery({ ...workflowNamesQuery, enabled: ids.length > 0 });
  return useNames(ids, data, workflowNameQuery);
}

/** Gives the names of these assistants. */
export function useAssistantNames(ids: readonly string[]): NameOf {
  const { data } = useQuery({ ...assistantNamesQuery, enabled: ids.length > 0 });
  return useNames(ids, data, assistantNameQuery);
}

/** Gives the names of these endpoints. */
export function useEndpointNames(ids: readonly string[]): NameOf {
  const { data } = useQuery({ ...endpointsQuery(), enabled: ids.length > 0 });
  return useNames(ids, data?.endpoints, endpointNameQuery);
}

/** Takes names from the first page of their list, and asks one by one for a few that the page lacks. */
function useNames(
  ids: readonly string[],
  listed: readonly Named[] | undefined,
  nameQuery: (id: string) => UseQueryOptions<string>,
): NameOf {
  const known = useMemo(
    () => new Map(listed?.map(({ id, name }) => [id, name] as const)),
    [listed],
  );
  // Asked for only when the list is there, which has most of them.
  const unnamed = listed === undefined ? [] : unnamedOf(ids, known);
  const answers = useQueries({ queries: unnamed.map(nameQuery) });
  const found = new Map(unnamed.map((id, index) => [id, answers[index]?.data] as const));
  return (id) => known.get(id) ?? found.get(id);
}
