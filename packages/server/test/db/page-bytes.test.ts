import { expect, onTestFinished, test } from "vitest";
import { listAssistants } from "../../src/db/assistants.ts";
import { listDeliveries } from "../../src/db/history.ts";
import type { Database } from "../../src/db/pool.ts";
import { listRuns } from "../../src/db/runs.ts";
import { listSteps } from "../../src/db/steps.ts";
import { listWorkflows } from "../../src/db/workflows.ts";
import { openFactsApi } from "../support/facts.ts";
import { furnish } from "../support/furnish.ts";
import { runText } from "../support/twins.ts";

const page = { offset: 0, limit: 50 };
const withDocuments = { ...page, withDocuments: true };
const any = { workflowId: null, status: null, search: null, start: null, end: null };

type Asked = { database: Database; teamId: string; runId: string };

/** Each list with documents: where they lie, and which of its rows are told without theirs. */
const lists: readonly {
  table: string;
  /** Finds the first row of the list. */
  first: string;
  columns: readonly string[];
  omitted: (asked: Asked) => Promise<boolean[]>;
}[] = [
  {
    table: "workflows",
    first: "select id from workflows order by id desc limit 1",
    columns: ["configuration", "settings"],
    omitted: async ({ database, teamId }) =>
      (await listWorkflows(database, teamId, { search: null }, page)).rows.map(
        (row) => row.documentsOmitted,
      ),
  },
  {
    table: "runs",
    first: "select id from runs order by id desc limit 1",
    columns: ["input", "output", "collected_information", "error"],
    omitted: async ({ database, teamId }) =>
      (await listRuns(database, teamId, any, withDocuments)).rows.map(
        (row) => row.documentsOmitted,
      ),
  },
  {
    table: "steps",
    first: "select id from steps order by coalesce(index, 2147483647), created_at, id limit 1",
    columns: ["output", "error"],
    omitted: async ({ database, teamId, runId }) =>
      (await listSteps(database, { teamId, runId }, withDocuments)).rows.map(
        (row) => row.documentsOmitted,
      ),
  },
  {
    table: "assistants",
    first: "select id from assistants order by id desc limit 1",
    columns: ["document"],
    omitted: async ({ database, teamId }) =>
      (await listAssistants(database, teamId, { search: null }, page)).rows.map(
        (row) => row.documentOmitted,
      ),
  },
  {
    table: "events",
    first: `select d.event_id from deliveries d join subscriptions s on s.id = d.subscription_id
            where s.contract = 'workflow' order by d.id desc limit 1`,
    columns: ["payload"],
    omitted: async ({ database, teamId }) => {
      const filter = { ...any, subscriptionId: null, eventType: null };
      const owner = { teamId, contract: "workflow" };
      const listed = await listDeliveries(database, owner, filter, { ...page, withPayload: true });
      return listed.rows.map((row) => row.payloadOmitted);
    },
  },
];

const mebibytes = 16 * 1024 * 1024;

test.each(lists)(
  "a page of $table tells documents of 16 MiB, and not one byte more",
  async ({ table, first, columns, omitted }) => {
    const api = await openFactsApi();
    onTestFinished(() => api.close());
    const names = await furnish(api, { teamId: api.teamId, key: api.key, secret: "ours" });
    const asked = { database: api.database, teamId: api.teamId, runId: names.run_id?.[0] ?? "" };
    const { sql } = api.database;
    const set = async (bytes: number) => {
      // A JSON text, in as many parts as there are columns.
      const sizes = columns.map((_, at) => (at === 0 ? bytes - 4 * (columns.length - 1) : 4));
      const values = columns.map(
        (column, at) =>
          `${column} = convert_to('"' || repeat('x', ${sizes[at]} - 2) || '"', 'UTF8')`,
      );
      await runText(sql, `update ${table} set ${values.join(", ")} where id = (${first})`);
    };
    await set(mebibytes);
    expect((await omitted(asked))[0]).toBe(false);
    await set(mebibytes + 1);
    expect((await omitted(asked))[0]).toBe(true);
  },
);
