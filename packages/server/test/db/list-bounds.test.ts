import { expect, onTestFinished, test } from "vitest";
import { listApiKeys } from "../../src/db/api-keys.ts";
import { listAssistants } from "../../src/db/assistants.ts";
import { listAuditEntries } from "../../src/db/audit.ts";
import { listCalls } from "../../src/db/calls.ts";
import type { PageOfRows } from "../../src/db/lists.ts";
import type { Database } from "../../src/db/pool.ts";
import { listRuns } from "../../src/db/runs.ts";
import type { Sql } from "../../src/db/sql.ts";
import { listSteps } from "../../src/db/steps.ts";
import { listSubscriptions } from "../../src/db/subscriptions.ts";
import type { Tx } from "../../src/db/transaction.ts";
import { listWorkflows } from "../../src/db/workflows.ts";
import { openFactsApi } from "../support/facts.ts";
import { furnish } from "../support/furnish.ts";
import { runText } from "../support/twins.ts";

type Brought = { rows: number; counted: number };

/** The same database; what each of its statements brings is noted. */
function noting(database: Database, brought: Brought[]): Database {
  const noted =
    (run: (strings: TemplateStringsArray, ...values: unknown[]) => Promise<object[]>) =>
    async (strings: TemplateStringsArray, ...values: unknown[]) => {
      const rows = await run(strings, ...values);
      const [first] = rows as { count?: number }[];
      brought.push({ rows: rows.length, counted: first?.count ?? 0 });
      return rows;
    };
  const wrap = (sql: Sql) =>
    ((first: string | TemplateStringsArray, ...values: unknown[]) =>
      typeof first === "string" ? noted(sql(first)) : noted(sql)(first, ...values)) as Sql;
  return {
    sql: wrap(database.sql),
    begin: (work) => database.begin((tx) => work(wrap(tx) as Tx)),
    beginReading: (work) => database.beginReading((tx) => work(wrap(tx) as Tx)),
  };
}

/** Makes more rows than are counted, each as the first one of its table. */
const multiply = (sql: Sql, table: string) =>
  runText(
    sql,
    `insert into ${table}
     select (jsonb_populate_record(one, jsonb_build_object('id', lpad(to_hex(n), 24, '0')))).*
     from (select ${table} as one from ${table} limit 1) first, generate_series(1, 10050) n`,
  );

type Asked = { database: Database; teamId: string; runId: string; keyId: string };

const page = { offset: 0, limit: 1 };
const days = { start: null, end: null };
const named = { search: null };

const lists: Record<string, (asked: Asked) => Promise<PageOfRows<object>>> = {
  workflows: ({ database, teamId }) => listWorkflows(database, teamId, named, page),
  runs: ({ database, teamId }) =>
    listRuns(
      database,
      teamId,
      { workflowId: null, status: null, ...named, ...days },
      { ...page, withDocuments: true },
    ),
  steps: ({ database, teamId, runId }) =>
    listSteps(database, { teamId, runId }, { ...page, withDocuments: true }),
  calls: ({ database, teamId }) =>
    listCalls(database, teamId, { assistantId: null, status: null }, page),
  assistants: ({ database, teamId }) => listAssistants(database, teamId, named, page),
  subscriptions: ({ database, teamId }) =>
    listSubscriptions(
      database,
      { teamId, contract: "workflow" },
      { ...named, enabled: null, eventType: null },
      page,
    ),
  "audit log": ({ database, teamId }) =>
    listAuditEntries(
      database,
      teamId,
      { actorId: null, action: null, subjectId: null, since: null, until: null },
      page,
    ),
  "API keys": ({ database, teamId, keyId }) => listApiKeys(database, teamId, keyId, page),
};

test("a list brings one row more than its page has, and counts no more than 10,001", {
  timeout: 60_000,
}, async () => {
  const api = await openFactsApi();
  onTestFinished(() => api.close());
  const names = await furnish(api, { teamId: api.teamId, key: api.key, secret: "ours" });
  const { sql } = api.database;
  for (const table of ["workflows", "runs", "steps", "calls", "assistants", "subscriptions"]) {
    await multiply(sql, table);
  }
  await sql`update subscriptions set contract = 'workflow', tells = null, copy_of = null`;
  for (const name of ["one", "two", "three"]) {
    await api.call("POST", "/v1/api-keys", { body: { name, scopes: ["read"] } });
  }
  for (const [what, list] of Object.entries(lists)) {
    const brought: Brought[] = [];
    const asked = {
      database: noting(api.database, brought),
      teamId: api.teamId,
      runId: names.run_id?.[0] ?? "",
      keyId: names.api_key_id?.[0] ?? "",
    };
    const listed = await list(asked);
    expect([what, listed.rows.length, listed.more]).toEqual([what, 1, true]);
    const most = (of: keyof Brought) => Math.max(...brought.map((one) => one[of]));
    expect([what, most("rows"), most("counted") <= 10_001]).toEqual([what, 2, true]);
  }
});
