import { expect } from "vitest";
import { type Sql, SqlPart } from "../../src/db/sql.ts";
import { idFromSeed } from "../../src/ids.ts";
import type { CallAnswer, TestApi } from "./api.ts";

/** A list that can be gone through by cursor, and what can happen to its rows meanwhile. */
export type WalkedList = {
  name: string;
  path: string;
  /** The answer's member that holds the rows. */
  rows: string;
  /** The parameter that says how many rows a page has. */
  size: "size" | "limit";
  /** The parameter that begins elsewhere; none where there are cursors alone. */
  skip?: string;
  /** A filter, where there is one. */
  filter?: string;
  scope: "read" | "admin";
  /** Makes a row as callers do. */
  make(): Promise<CallAnswer>;
  /** Makes a row with an id of the test's choice, which may tell any time. */
  insert(tx: Sql, id: string): Promise<unknown>;
  /** Makes a row that it has another one, in nothing that it is found by. */
  update(id: string, count: number): Promise<unknown>;
  remove(id: string): Promise<unknown>;
};

const table = (name: string): SqlPart => new SqlPart([name], []);

/** Writes a row like another one of its table, made now. */
const copy = (tx: Sql, name: string, like: string, changed: object) => tx`
  insert into ${table(name)}
  select (jsonb_populate_record(t, ${JSON.stringify(changed)}::jsonb || jsonb_build_object(
    'created_at', now(), 'created_in', pg_current_xact_id()))).*
  from ${table(name)} t where id = ${like}`;

/** Furnishes a team with one row of each list, and says how each list's rows come and go. */
export async function openWalkedLists(api: TestApi): Promise<WalkedList[]> {
  const { sql } = api.database;
  const succeed = (answer: CallAnswer) => {
    expect(answer.status, answer.text).toBeLessThan(300);
    return answer;
  };
  const call = async (method: string, path: string, body?: object) =>
    succeed(await api.call(method, path, { body }));
  const deleteRow = (name: string) => (id: string) =>
    sql`delete from ${table(name)} where id = ${id}`;

  const workflows = "/workflows/v1/workflows";
  const runs = "/workflows/v1/workflow-runs";
  const calls = "/calls/v1/conversations";
  const assistants = "/assistants/v1/assistants";
  const url = "https://example.com/in";
  const ofWorkflows = { name: "a", url, actions: ["workflow_created"] };
  const ofAll = { name: "b", url, events: ["workflow.completed"] };

  const workflow = (await call("POST", workflows, { name: "w" })).body.workflow.id;
  const startRun = () => call("POST", runs, { workflow_id: workflow, trigger: "manual" });
  const run = (await startRun()).body.run.id;
  const steps = `${runs}/${run}/steps`;
  let made = 0;
  const putStep = (id: string, index?: number) =>
    call("PUT", `${steps}/${id}`, { status: "started", ...(index !== undefined && { index }) });
  await putStep("template", 7);
  const assistant = (await call("POST", assistants, { name: "c" })).body.id;
  const startCall = () =>
    call("POST", calls, { assistantId: assistant, callType: "web", direction: "inbound" });
  const conversation = (await startCall()).body.id;
  const webhooks = "/workflows/v1/workflow-webhooks";
  const webhook = (await call("POST", webhooks, ofWorkflows)).body.id;
  const other = (await call("POST", "/webhooks", ofAll)).body.id;
  const makeKey = () => call("POST", "/v1/api-keys", { name: "d", scopes: ["read"] });
  const apiKey = (await makeKey()).body.id;
  const team = (await call("POST", "/v1/teams", { name: "e" })).body.id;
  const { id: caller } = (await api.call("GET", "/accounts/v1/users/me")).body;
  const [entry] = (await api.call("GET", "/v1/audit")).body.entries;

  const paged = { size: "size", skip: "page=1", scope: "read" } as const;
  const byCursorAlone = { size: "limit", scope: "admin" } as const;
  const patchName = (path: string) => (id: string, count: number) =>
    call("PATCH", `${path}/${id}`, { name: `renamed ${count}` });
  return [
    {
      ...paged,
      name: "workflows",
      path: workflows,
      rows: "workflows",
      filter: "search=w",
      make: () => call("POST", workflows, { name: "new" }),
      insert: (tx, id) => copy(tx, "workflows", workflow, { id }),
      update: patchName(workflows),
      remove: (id) => call("DELETE", `${workflows}/${id}`),
    },
    {
      ...paged,
      name: "runs",
      path: runs,
      rows: "runs",
      filter: "status=started",
      make: startRun,
      insert: (tx, id) => copy(tx, "runs", run, { id }),
      update: (id, count) =>
        call("PATCH", `${runs}/${id}`, { status: count % 2 === 0 ? "running" : "paused" }),
      remove: (id) => call("DELETE", `${runs}/${id}`),
    },
    {
      ...paged,
      name: "steps",
      path: steps,
      rows: "steps",
      make: () => putStep(`new-${++made}`, made % 3 === 0 ? undefined : made),
      insert: (tx, id) => copy(tx, "steps", "template", { id, index: id < "8" ? 3 : null }),
      // Its index is what the list is ordered by.
      update: (id, count) => putStep(id, (count * 37) % 100),
      remove: deleteRow("steps"),
    },
    {
      ...paged,
      name: "conversations",
      path: calls,
      rows: "conversations",
      filter: "status=queued",
      make: startCall,
      insert: (tx, id) =>
        copy(tx, "calls", conversation, {
          id: `WC-${id.slice(0, 8)}-${id.slice(8, 12)}-4000-8000-${id.slice(12)}`,
        }),
      update: (id) => call("POST", `${calls}/${id}/status`, { status: "ongoing" }),
      remove: (id) => call("DELETE", `${calls}/${id}`),
    },
    {
      ...paged,
      name: "assistants",
      path: assistants,
      rows: "assistants",
      filter: "search=c",
      make: () => call("POST", assistants, { name: "new" }),
      insert: async (tx, id) => {
        await copy(tx, "assistants", assistant, { id });
        await copy(tx, "subscriptions", assistant, { id, subject_id: id });
      },
      update: patchName(assistants),
      remove: (id) => call("DELETE", `${assistants}/${id}`),
    },
    {
      ...paged,
      name: "workflow webhooks",
      path: webhooks,
      rows: "subscriptions",
      filter: "enabled=true",
      make: () => call("POST", webhooks, ofWorkflows),
      insert: (tx, id) => copy(tx, "subscriptions", webhook, { id }),
      update: patchName(webhooks),
      remove: (id) => call("DELETE", `${webhooks}/${id}`),
    },
    {
      ...paged,
      name: "webhooks",
      path: "/webhooks",
      rows: "webhooks",
      size: "limit",
      skip: "offset=0",
      make: () => call("POST", "/webhooks", ofAll),
      insert: (tx, id) => copy(tx, "subscriptions", other, { id }),
      update: patchName("/webhooks"),
      remove: (id) => call("DELETE", `/webhooks/${id}`),
    },
    {
      ...byCursorAlone,
      name: "endpoints",
      scope: "read",
      path: "/v1/endpoints",
      rows: "endpoints",
      filter: "state=idle",
      make: () => call("POST", webhooks, ofWorkflows),
      insert: (tx, id) => copy(tx, "subscriptions", webhook, { id }),
      update: (id, count) =>
        sql`update subscriptions set name = ${`renamed ${count}`} where id = ${id}`,
      remove: deleteRow("subscriptions"),
    },
    {
      ...byCursorAlone,
      name: "API keys",
      path: "/v1/api-keys",
      rows: "api_keys",
      make: makeKey,
      insert: async (tx, id) => {
        await copy(tx, "api_keys", apiKey, { id });
        await tx`insert into api_key_teams (api_key_id, team_id) values (${id}, ${api.teamId})`;
      },
      update: (id) => call("DELETE", `/v1/api-keys/${id}`),
      remove: deleteRow("api_keys"),
    },
    {
      ...byCursorAlone,
      name: "teams",
      path: "/v1/teams",
      rows: "teams",
      make: () => call("POST", "/v1/teams", { name: "new" }),
      insert: async (tx, id) => {
        await copy(tx, "teams", team, { id });
        await tx`insert into api_key_teams (api_key_id, team_id) values (${caller}, ${id})`;
      },
      update: patchName("/v1/teams"),
      remove: (id) => call("DELETE", `/v1/teams/${id}`),
    },
    {
      ...byCursorAlone,
      name: "audit",
      path: "/v1/audit",
      rows: "entries",
      filter: `subject=${entry.subject.id}`,
      make: () => call("POST", "/webhooks", ofAll),
      insert: (tx, id) => copy(tx, "audit_log", entry.id, { id }),
      update: async () => {},
      remove: deleteRow("audit_log"),
    },
  ];
}

/** Ids whose first four bytes tell long ago, now, or a time to come. */
export const oddId = (seed: string, count: number): string => {
  const times = [1, 1_000_000_000, Math.floor(Date.now() / 1000), 4_000_000_000];
  return idFromSeed((times[count % times.length] ?? 0) + (count % 7), seed);
};
