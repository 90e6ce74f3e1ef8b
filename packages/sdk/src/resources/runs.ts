import type {
  GetRunAnswer,
  GetStepAnswer,
  ListRunsAnswer,
  ListRunsQuery,
  ListStepsAnswer,
  ListStepsQuery,
  RunStart,
  RunUpdate,
  StepReport,
} from "../api.gen.ts";
import { pathSegment } from "../guards.ts";
import { eachByCursor, type Walk } from "../paging.ts";
import type { Reporting, ReportOptions } from "../reports.ts";
import type { RequestOptions, Send } from "../request.ts";
import { type RunReporter, startRun } from "../run-reporter.ts";

const base = "/workflows/v1/workflow-runs";

/** Workflow runs and their steps, as their platform reports them. */
export function runs(send: Send, reporting: Reporting) {
  const at = (id: string) => `${base}/${pathSegment(id)}`;
  const stepAt = (id: string, stepId: string) => `${at(id)}/steps/${pathSegment(stepId)}`;
  const inside = async (answer: Promise<GetRunAnswer>) => (await answer).run;

  const list = (query: ListRunsQuery = {}, options: RequestOptions = {}) =>
    send<ListRunsAnswer>({ method: "GET", path: base, query }, options);
  const listSteps = (id: string, query: ListStepsQuery = {}, options: RequestOptions = {}) =>
    send<ListStepsAnswer>({ method: "GET", path: `${at(id)}/steps`, query }, options);

  return {
    /** Reports a run's start and returns a reporter for the rest of the run. With a `buffer`, all reports go there. */
    start: (body: RunStart, options?: ReportOptions): Promise<RunReporter> =>
      startRun(reporting, body, options),
    /** Reports a run's start and returns the run as the service stores it. */
    create: (body: RunStart, options: RequestOptions = {}) =>
      inside(send({ method: "POST", path: base, body }, options)),
    list,
    each: (query: Walk<ListRunsQuery> = {}, options: RequestOptions = {}) =>
      eachByCursor(
        query,
        (at) => list(at, options),
        (answer) => answer.runs,
      ),
    get: (id: string, options: RequestOptions = {}) =>
      inside(send({ method: "GET", path: at(id) }, options)),
    /** Erases a run and everything derived from it, permanently. */
    erase: (id: string, options: RequestOptions = {}) =>
      send<void>({ method: "DELETE", path: at(id) }, options),
    update: (id: string, body: RunUpdate, options: RequestOptions = {}) =>
      inside(send({ method: "PATCH", path: at(id), body }, options)),
    reportStep: async (
      id: string,
      stepId: string,
      body: StepReport,
      options: RequestOptions = {},
    ) => {
      const path = stepAt(id, stepId);
      return (await send<GetStepAnswer>({ method: "PUT", path, body }, options)).step;
    },
    getStep: async (id: string, stepId: string, options: RequestOptions = {}) =>
      (await send<GetStepAnswer>({ method: "GET", path: stepAt(id, stepId) }, options)).step,
    listSteps,
    eachStep: (id: string, options: RequestOptions = {}) =>
      eachByCursor(
        {},
        (at) => listSteps(id, at, options),
        (answer) => answer.steps,
      ),
  };
}
