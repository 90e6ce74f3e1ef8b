import type { GetWorkflowAnswer, ListWorkflowsAnswer } from "@postrider/sdk";
import { queryOptions } from "@tanstack/react-query";
import { type Named, namesIn } from "../words/names.ts";
import { ask } from "./request.ts";

const path = "/workflows/v1/workflows";

/** The names of the newest workflows, without their documents, which may be large. */
export const workflowNamesQuery = queryOptions({
  queryKey: ["workflows", "names"],
  queryFn: async ({ signal }): Promise<readonly Named[]> =>
    namesIn(
      (await ask<ListWorkflowsAnswer>("GET", path, { query: { size: 100 }, signal })).workflows,
    ),
});

/** The name of one workflow. */
export const workflowNameQuery = (id: string) =>
  queryOptions<string>({
    queryKey: ["workflows", "name", id],
    queryFn: async ({ signal }) =>
      (await ask<GetWorkflowAnswer>("GET", `${path}/${encodeURIComponent(id)}`, { signal }))
        .workflow.name,
  });
