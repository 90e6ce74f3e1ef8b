import type { ListRunsQuery, Postrider, Run } from "@postrider/sdk";
import { type Command, Option } from "commander";
import { rows } from "../options.ts";
import { type ClientOptions, clientCommand, examples, existing, withClient } from "./client.ts";
import { firstRows } from "./pages.ts";
import { since } from "./since.ts";
import { type Column, printable } from "./table.ts";
import {
  print,
  printEmptyList,
  printFields,
  printJson,
  printNext,
  printTable,
  stateCell,
} from "./terminal.ts";
import { ageOf, clockOf, counted, durationOf, runTones } from "./words.ts";

type ListOptions = ClientOptions & {
  status?: Run["status"];
  workflow?: string;
  since?: string;
  until?: string;
  limit: number;
};

/** The commands that read workflow runs. */
export function addRunCommands(program: Command): void {
  const group = program.command("runs").description("list workflow runs and show their steps");
  clientCommand(group, "list", "list runs, newest first")
    .addOption(
      new Option("--status <status>", "only runs with this status").choices(Object.keys(runTones)),
    )
    .option("--workflow <id>", "only runs of this workflow")
    .option("--since <time>", "only runs that started since then: 1h, 10:41 or RFC 3339", since)
    .option("--until <time>", "only runs that started before then", since)
    .option("--limit <n>", "how many to list at most", rows, 20)
    .addHelpText("after", examples(["runs list --status failed --since 1d", "what failed today"]))
    .action(listRuns);
  clientCommand(group, "show", "show a run and its steps")
    .argument("<run>", "id of the run")
    .addHelpText("after", examples(["runs show 6b0c3f2a9d4e5f6071829306", "with its steps"]))
    .action(showRun);
}

const columns: readonly Column[] = [
  { title: "STATUS" },
  { title: "WORKFLOW", min: 12 },
  { title: "TRIGGER", optional: 3 },
  { title: "TOOK", align: "right", optional: 2 },
  { title: "AGE", optional: 1 },
  { title: "ID" },
];

async function listRuns(given: ListOptions): Promise<void> {
  await withClient(given, async ({ postrider }) => {
    const query: ListRunsQuery = {
      ...(given.status && { status: given.status }),
      ...(given.workflow !== undefined && { workflow_id: given.workflow }),
      ...(given.since !== undefined && { start: given.since }),
      ...(given.until !== undefined && { end: given.until }),
    };
    const { rows: runs, next_cursor } = await firstRows(async ({ limit, ...at }) => {
      const answer = await postrider.runs.list({ ...query, ...at, size: limit });
      return { rows: answer.runs, next_cursor: answer.next_cursor };
    }, given.limit);
    if (given.json) {
      printJson({ runs, next_cursor });
      return;
    }
    const [first] = runs;
    if (first === undefined) {
      printEmptyList(
        "run",
        query,
        "Simulate some on a service of this machine: postrider simulate workflow",
      );
      return;
    }
    const nameOf = await workflowNames(postrider, runs);
    const nowMs = Date.now();
    printTable(
      columns,
      runs.map((run) => [
        stateCell({ word: run.status, tone: runTones[run.status] }),
        nameOf(run.workflow_id),
        run.trigger,
        durationOf(run.duration_ms),
        ageOf(run.started_at, nowMs),
        run.id,
      ]),
    );
    const more = next_cursor === null ? "" : ` More follow: --limit ${given.limit * 2}.`;
    printNext(`${counted(runs.length, "run")}.${more} Show one: postrider runs show ${first.id}`);
  });
}

/** The names of the runs' workflows; a deleted one has its id as its name. */
async function workflowNames(
  { workflows }: Postrider,
  runs: readonly Run[],
): Promise<(id: string) => string> {
  const ids = [...new Set(runs.map((run) => run.workflow_id))].slice(0, 50);
  const named = await Promise.all(
    ids.map(async (id) => [id, (await workflows.get(id).catch(() => undefined))?.name] as const),
  );
  const names = new Map(named);
  return (id) => names.get(id) ?? id;
}

const stepColumns: readonly Column[] = [
  { title: "STATUS" },
  { title: "STEP", min: 12 },
  { title: "ATTEMPT", align: "right", optional: 1 },
  { title: "TOOK", align: "right" },
  { title: "ERROR", min: 10 },
];

async function showRun(id: string, given: ClientOptions): Promise<void> {
  await withClient(given, async ({ postrider }) => {
    const run = await existing(postrider.runs.get(id), { noun: "run", id, list: "runs list" });
    const steps = [];
    for await (const step of postrider.runs.eachStep(id)) steps.push(step);
    if (given.json) {
      printJson({ ...run, steps });
      return;
    }
    const nowMs = Date.now();
    const nameOf = await workflowNames(postrider, [run]);
    printFields([
      ["Run", run.id],
      ["Workflow", `${printable(nameOf(run.workflow_id))} (version ${run.version_number})`],
      ["Status", run.status],
      ["Started", `${clockOf(run.started_at, nowMs)}, ${run.trigger}`],
      ["Took", durationOf(run.duration_ms)],
      ["Input", jsonOf(run.input)],
      ["Output", jsonOf(run.output)],
      ["Error", jsonOf(run.error)],
    ]);
    if (steps.length > 0) {
      print();
      printTable(
        stepColumns,
        steps.map((step) => [
          stateCell({ word: step.status, tone: runTones[step.status] }),
          step.name,
          String(step.attempt),
          durationOf(step.duration_ms),
          jsonOf(step.error),
        ]),
      );
    }
    printNext(`What was sent about it: postrider deliveries list --subject ${run.id}`);
  });
}

/** A document of a run in a line, cut where it is long; `--json` has all of it. */
const jsonOf = (value: unknown): string => {
  if (value === null || value === undefined) return "";
  const text = printable(typeof value === "string" ? value : JSON.stringify(value));
  return text.length > 200 ? `${text.slice(0, 199)}…` : text;
};
