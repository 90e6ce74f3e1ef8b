import type { RunStart } from "./api.gen.ts";
import type { FactSink } from "./fact-buffer.ts";
import type { Fact } from "./facts.ts";
import { newObjectId } from "./object-id.ts";

/** What a step's report says besides how it went. */
export type StepOptions<Value> = {
  /** The step's own id in its run; made of its index and name unless told. */
  id?: string;
  /** What is reported as the step's output: the function's value unless told. */
  output?: (value: Value) => unknown;
};

/** Reports one run from its start to its end; every method resolves when the sink has taken the report. */
export type RunReporter = {
  id: string;
  /** Reports that a step started, does it, and reports how it ended; gives its value or throws its error. */
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
  /** Resolves when everything reported so far is acknowledged; throws what was refused. */
  flush(): Promise<void>;
};

type StepFact = Extract<Fact, { type: "step.completed" }>["data"];

/** Reports a run's start into a sink. Its id is made here, so that nothing has to be waited for. */
export async function startRun(
  sink: FactSink,
  now: () => number,
  body: RunStart,
): Promise<RunReporter> {
  const id = body._id ?? newObjectId(now());
  const at = () => new Date(now()).toISOString();
  let stepCount = 0;

  await sink.report({
    type: "run.started",
    occurred_at: body.occurred_at ?? at(),
    data: { ...body, _id: id },
  });

  type Update = Omit<Extract<Fact, { type: "run.updated" }>["data"], "run_id">;
  const update = (data: Update) =>
    sink.report({ type: "run.updated", occurred_at: at(), data: { run_id: id, ...data } });

  return {
    id,
    async step(name, work, options = {}) {
      const { id: givenId, output = (value: unknown) => value } = options;
      const index = stepCount++;
      const step = { run_id: id, step_id: givenId ?? stepIdOf(index, name), name, index };
      const report = (type: "step.started" | "step.completed" | "step.failed", data: StepFact) =>
        sink.report({ type, occurred_at: at(), data } as Fact);

      await report("step.started", step);
      let value: Awaited<ReturnType<typeof work>>;
      try {
        value = await work();
      } catch (error) {
        // The step's own error is what the caller must see, even if it cannot be reported.
        await report("step.failed", { ...step, error: errorText(error) }).catch(() => {});
        throw error;
      }
      await report("step.completed", { ...step, output: output(value) ?? null });
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
    flush: () => sink.flush(),
  };
}

/** The same name at the same place is the same step, also when a restarted process reports it again. */
function stepIdOf(index: number, name: string): string {
  const words = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 100);
  return words === "" ? String(index) : `${index}-${words}`;
}

/** Name and message, never a stack: it names files of the platform. What is no Error is reported as it is. */
const errorText = (error: unknown): unknown =>
  error instanceof Error ? { name: error.name, message: error.message } : (error ?? null);
