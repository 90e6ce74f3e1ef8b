import type { RunStart } from "./api.gen.ts";
import type { Fact } from "./facts.ts";
import { kindOf, requireFunction, requireObject, requireOptions, requireText } from "./guards.ts";
import { newObjectId } from "./object-id.ts";
import { openReports, type Reporting, type ReportOptions } from "./reports.ts";

/** The options of a step. */
export type StepOptions<Value> = {
  /** The step's id in its run. Default: made from its index and name. */
  id?: string;
  /** Gives the output to report. Default: the function's value. */
  output?: (value: Value) => unknown;
};

/**
 * Reports one run from its start to its end. Every method resolves when the report was accepted or given up, and none throws
 * because of it: `onReportError` or `flush` announces reports that could not be recorded.
 */
export type RunReporter = {
  id: string;
  /**
   * Does the work, and reports its start and its end. Returns the work's value or throws its error, whether the reports
   * succeed or not. The work begins at once: it does not wait for the report of its start.
   */
  step<Value>(
    name: string,
    work: () => Value | Promise<Value>,
    options?: StepOptions<Value>,
  ): Promise<Value>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  complete(output?: unknown, collectedInformation?: unknown): Promise<void>;
  fail(error: unknown): Promise<void>;
  cancel(): Promise<void>;
  /** Resolves when all reports so far are acknowledged or announced; throws each error that had no listener, once. */
  flush(): Promise<void>;
};

type StepFact = Extract<Fact, { type: "step.completed" }>["data"];
type StepFactType = "step.started" | "step.completed" | "step.failed";

/** Reports a run's start. The id is made here, so that the caller does not have to wait. */
export async function startRun(
  reporting: Reporting,
  body: RunStart,
  options?: ReportOptions,
): Promise<RunReporter> {
  requireObject(body, "The run");
  const reports = openReports(reporting, options);
  const { now } = reporting;
  const id = body._id ?? newObjectId(now());
  const at = () => new Date(now()).toISOString();
  let stepCount = 0;

  await reports.report(() => ({
    type: "run.started",
    occurred_at: body.occurred_at ?? at(),
    data: { ...body, _id: id },
  }));

  type Update = Omit<Extract<Fact, { type: "run.updated" }>["data"], "run_id">;
  const update = (data: Update) =>
    reports.report(() => ({
      type: "run.updated",
      occurred_at: at(),
      data: { run_id: id, ...data },
    }));

  return {
    id,
    async step(name, work, stepOptions) {
      requireStep(name, work, stepOptions);
      const { id: givenId, output = (value: unknown) => value } = stepOptions ?? {};
      const index = stepCount++;
      const step = { run_id: id, step_id: givenId ?? stepIdOf(index, name), name, index };
      const report = (type: StepFactType, details: () => Partial<StepFact> = () => ({})) =>
        reports.report(
          () => ({ type, occurred_at: at(), data: { ...step, ...details() } }) as Fact,
        );

      const started = report("step.started");
      let value: Awaited<ReturnType<typeof work>>;
      try {
        value = await work();
      } catch (error) {
        await started;
        await report("step.failed", () => ({ error: errorText(error) }));
        throw error;
      }
      await started;
      await report("step.completed", () => ({ output: output(value) ?? null }));
      return value;
    },
    pause: () => update({ status: "paused" }),
    resume: () => update({ status: "running" }),
    complete: (output, collectedInformation) =>
      update({
        status: "completed",
        ...(output === undefined ? {} : { output }),
        ...(collectedInformation === undefined
          ? {}
          : { collected_information: collectedInformation }),
      }),
    fail: (error) => update({ status: "failed", error: errorText(error) }),
    cancel: () => update({ status: "cancelled" }),
    flush: reports.flush,
  };
}

/** Requires the arguments of a step. It does not check the service's rules for names: the work must be done anyway. */
function requireStep<Value>(
  name: unknown,
  work: unknown,
  options: StepOptions<Value> | undefined,
): void {
  if (typeof name !== "string") {
    throw new TypeError(`A step's name must be a string, but it is ${kindOf(name)}.`);
  }
  requireFunction(work, "A step's work");
  requireOptions(options, { id: requireText, output: requireFunction });
}

/** Makes a step's id: the same name at the same index is the same step, also after a restart of the process. */
function stepIdOf(index: number, name: string): string {
  const words = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 100);
  return words === "" ? String(index) : `${index}-${words}`;
}

/** Name and message, but no stack, because it names files of the platform. A value that is not an Error is reported unchanged. */
const errorText = (error: unknown): unknown =>
  error instanceof Error ? { name: error.name, message: error.message } : (error ?? null);
