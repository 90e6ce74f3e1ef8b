import type {
  CreateWorkflowVersionAnswer,
  GetWorkflowAnswer,
  ListWorkflowsAnswer,
  ListWorkflowsQuery,
  WorkflowCreate,
  WorkflowUpdate,
  WorkflowVersionCreate,
} from "../api.gen.ts";
import { pathSegment } from "../guards.ts";
import { eachByCursor, type Walk } from "../paging.ts";
import type { RequestOptions, Send } from "../request.ts";

const base = "/workflows/v1/workflows";

/** Workflows, as their platform reports them. */
export function workflows(send: Send) {
  const at = (id: string) => `${base}/${pathSegment(id)}`;
  const inside = async (answer: Promise<GetWorkflowAnswer>) => (await answer).workflow;

  const list = (query: ListWorkflowsQuery = {}, options: RequestOptions = {}) =>
    send<ListWorkflowsAnswer>({ ...options, method: "GET", path: base, query });

  return {
    create: (body: WorkflowCreate, options: RequestOptions = {}) =>
      inside(send({ ...options, method: "POST", path: base, body })),
    list,
    each: (query: Walk<ListWorkflowsQuery> = {}, options: RequestOptions = {}) =>
      eachByCursor(
        (at) => list({ ...query, ...at }, options),
        (answer) => answer.workflows,
      ),
    get: (id: string, options: RequestOptions = {}) =>
      inside(send({ ...options, method: "GET", path: at(id) })),
    update: (id: string, body: WorkflowUpdate, options: RequestOptions = {}) =>
      inside(send({ ...options, method: "PATCH", path: at(id), body })),
    /** Deletes a workflow; its unfinished runs are cancelled first. */
    delete: (id: string, options: RequestOptions = {}) =>
      send<void>({ ...options, method: "DELETE", path: at(id) }),
    createVersion: (id: string, body: WorkflowVersionCreate = {}, options: RequestOptions = {}) =>
      send<CreateWorkflowVersionAnswer>({
        ...options,
        method: "POST",
        path: `${at(id)}/versions`,
        body,
      }),
    activateVersion: (id: string, number: number, options: RequestOptions = {}) =>
      inside(
        send({
          ...options,
          method: "POST",
          path: `${at(id)}/versions/${pathSegment(String(number))}/activate`,
          body: {},
        }),
      ),
  };
}
