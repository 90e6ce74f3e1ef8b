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
    send<ListWorkflowsAnswer>({ method: "GET", path: base, query }, options);

  return {
    create: (body: WorkflowCreate, options: RequestOptions = {}) =>
      inside(send({ method: "POST", path: base, body }, options)),
    list,
    each: (query: Walk<ListWorkflowsQuery> = {}, options: RequestOptions = {}) =>
      eachByCursor(
        query,
        (at) => list(at, options),
        (answer) => answer.workflows,
      ),
    get: (id: string, options: RequestOptions = {}) =>
      inside(send({ method: "GET", path: at(id) }, options)),
    update: (id: string, body: WorkflowUpdate, options: RequestOptions = {}) =>
      inside(send({ method: "PATCH", path: at(id), body }, options)),
    /** Deletes a workflow; its unfinished runs are cancelled first. */
    delete: (id: string, options: RequestOptions = {}) =>
      send<void>({ method: "DELETE", path: at(id) }, options),
    createVersion: (id: string, body: WorkflowVersionCreate = {}, options: RequestOptions = {}) =>
      send<CreateWorkflowVersionAnswer>(
        { method: "POST", path: `${at(id)}/versions`, body },
        options,
      ),
    activateVersion: (id: string, number: number, options: RequestOptions = {}) =>
      inside(
        send(
          {
            method: "POST",
            path: `${at(id)}/versions/${pathSegment(String(number))}/activate`,
            body: {},
          },
          options,
        ),
      ),
  };
}
