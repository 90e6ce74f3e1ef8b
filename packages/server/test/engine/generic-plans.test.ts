import pg from "pg";
import { expect, onTestFinished, test, vi } from "vitest";
import { lookupSettings } from "../../src/engine.ts";
import { endCall, makeAssistant, say, startCall } from "../support/calls.ts";
import { openHouse } from "../support/house.ts";

type PlanNode = {
  "Node Type": string;
  "Relation Name"?: string;
  "Index Cond"?: string;
  Plans?: PlanNode[];
};
const allNodes = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(allNodes)];

/** May read a whole table: it is asked for all teams, now and then, and not for a fact or a result. */
const readsAll = new Set(["list_sealing_teams"]);

// With generic plans a plan that was made on an empty table stays until the table is analyzed.
test("facts and results have plans that find rows by an index, also when they were made on empty tables", async () => {
  const statements = new Map<string, string>();
  const query = vi.spyOn(pg.Client.prototype, "query");
  const house = await openHouse();
  await house.subscribe({ events: ["workflow_run_started", "workflow_run_completed"] });
  const runId = await house.startRun(await house.workflow());
  await house.endRun(runId);
  const callId = await startCall(house, await makeAssistant(house));
  await say(house, callId, "user");
  await endCall(house, callId);
  await house.drain();
  query.mock.calls.forEach(([given], index) => {
    const { name, text } = given as unknown as pg.QueryConfig;
    const client = query.mock.contexts[index] as pg.Client & {
      connectionParameters: { application_name?: string };
    };
    const of = client.connectionParameters.application_name ?? "";
    if (name && !readsAll.has(name) && /ingest|results/.test(of)) statements.set(name, text);
  });
  query.mockRestore();
  expect(statements.size).toBeGreaterThan(10);

  const client = new pg.Client({ connectionString: house.databaseUrl });
  await client.connect();
  onTestFinished(() => client.end());
  for (const [name, value] of Object.entries(lookupSettings)) {
    await client.query(`set ${name} = ${value}`);
  }
  const whole: Record<string, string[]> = {};
  for (const [name, text] of statements) {
    await client.query(`prepare "${name}" as ${text}`);
    const parameters = Math.max(0, ...[...text.matchAll(/\$(\d+)/g)].map(([, n]) => Number(n)));
    const nulls = Array(parameters).fill("null").join(", ");
    const { rows } = await client.query<{ "QUERY PLAN": { Plan: PlanNode }[] }>(
      `explain (format json) execute "${name}"${parameters ? `(${nulls})` : ""}`,
    );
    const plan = rows[0]?.["QUERY PLAN"][0]?.Plan as PlanNode;
    const reads = allNodes(plan).filter(
      (node) =>
        /Scan$/.test(node["Node Type"]) &&
        node["Relation Name"] !== undefined &&
        node["Index Cond"] === undefined &&
        !/^Bitmap Heap/.test(node["Node Type"]),
    );
    if (reads.length > 0)
      whole[name] = reads.map((node) => `${node["Node Type"]} of ${node["Relation Name"]}`);
  }
  expect(whole).toEqual({});
});
