import { expect, test } from "vitest";
import { readAssistants } from "../../src/db/assistants.ts";
import { lockCalls } from "../../src/db/calls.ts";
import { lockRuns } from "../../src/db/runs.ts";
import { readSteps } from "../../src/db/steps.ts";
import type { Tx } from "../../src/db/transaction.ts";
import { lockWorkflows, readWorkflowsOfRuns, shareWorkflows } from "../../src/db/workflows.ts";
import { newId } from "../../src/ids.ts";
import { openOwnDatabase } from "../support/postgres.ts";
import { runText } from "../support/twins.ts";

const key = { teamId: newId(), id: newId(), runId: newId() };

const readers: [table: string, name: string, read: (tx: Tx) => Promise<unknown>][] = [
  ["assistants", "readAssistants", (tx) => readAssistants(tx, [key])],
  ["calls", "lockCalls", (tx) => lockCalls(tx, [key])],
  ["runs", "lockRuns", (tx) => lockRuns(tx, [key])],
  ["steps", "readSteps", (tx) => readSteps(tx, [key])],
  ["workflows", "lockWorkflows", (tx) => lockWorkflows(tx, [key])],
  ["workflows", "shareWorkflows", (tx) => shareWorkflows(tx, [key])],
  ["workflows", "readWorkflowsOfRuns", (tx) => readWorkflowsOfRuns(tx, [key])],
];

test.each(readers)(
  "a migration that adds a column to %s does not stop %s on connections that are open",
  async (table, _, read) => {
    // One connection: the same before and after.
    const database = await openOwnDatabase();
    await database.begin(read);
    await runText(database.sql, `alter table ${table} add column of_a_later_version text`);
    expect(await database.begin(read)).toEqual([]);
  },
);
