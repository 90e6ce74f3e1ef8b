import type { FactList } from "@postrider/sdk";

type Fact = FactList["facts"][number];

/** Makes an id in the service's form: 24 hex digits that begin with the seconds. */
export function newObjectId(nowMs: number, random: Uint8Array): string {
  const seconds = Math.floor(nowMs / 1000)
    .toString(16)
    .padStart(8, "0");
  return (
    seconds + [...random.slice(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join("")
  );
}

/** Some runs of one workflow as a platform would report them: most complete, one fails. `newId` makes ids. */
export function sampleFacts(newId: () => string, runs = 5): Fact[] {
  const workflow = newId();
  return [
    { type: "workflow.created", data: { _id: workflow, name: "Patient intake" } },
    ...Array.from({ length: runs }, (_, index): Fact[] => {
      const run = newId();
      const fails = index === runs - 1;
      return [
        {
          type: "run.started",
          data: { _id: run, workflow_id: workflow, trigger: "manual", input: { form: "intake" } },
        },
        {
          type: "step.started",
          data: { run_id: run, step_id: "check-insurance", name: "Check insurance", index: 0 },
        },
        {
          type: fails ? "step.failed" : "step.completed",
          data: {
            run_id: run,
            step_id: "check-insurance",
            ...(fails
              ? { error: { message: "The insurer did not answer." } }
              : { output: { covered: true } }),
          },
        } as Fact,
        {
          type: "run.updated",
          data: { run_id: run, status: fails ? "failed" : "completed" },
        },
      ];
    }).flat(),
  ];
}
