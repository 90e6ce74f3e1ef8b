import { expect, onTestFinished, test } from "vitest";
import {
  deleteSomeEventsOf,
  deleteSomeStateOf,
  deleteSomeTracesOf,
} from "../../src/db/erasures.ts";
import type { Tx } from "../../src/db/transaction.ts";
import { openFactsApi } from "../support/facts.ts";
import { furnish } from "../support/furnish.ts";
import { runText } from "../support/twins.ts";

const steps: Record<
  string,
  [(tx: Tx, teamId: string, limit: number) => Promise<number>, string[]]
> = {
  "its state": [deleteSomeStateOf, ["calls", "runs", "workflows", "assistants"]],
  "its traces": [
    deleteSomeTracesOf,
    [
      "idempotency_keys",
      "fact_identities",
      "audit_log",
      "rollups",
      "delivery_changes",
      "request_heads",
      "failure_streaks",
      "replays",
      "operational_happenings",
      "listener_requests",
      "sessions",
      "login_links",
      "replayed_deliveries",
    ],
  ],
  "its events": [deleteSomeEventsOf, ["deliveries", "events"]],
};

test("a team is erased few rows at a time, of each kind as many as asked, until nothing is left", async () => {
  const api = await openFactsApi();
  onTestFinished(() => api.close());
  for (const secret of ["one", "two", "three"]) {
    await furnish(api, { teamId: api.teamId, key: api.key, secret });
  }
  // An assistant goes when its calls have: these have none.
  for (const name of ["four", "five", "six"]) {
    await api.call("POST", "/assistants/v1/assistants", { body: { name } });
  }
  const { sql } = api.database;
  await sql`
    insert into idempotency_keys (team_id, key, fingerprint, in_flight_until)
    select ${api.teamId}, n, '', 'infinity' from generate_series(1, 3) n`;
  await sql`
    insert into fact_identities (team_id, identity_sha256)
    select ${api.teamId}, sha256(n::text::bytea) from generate_series(1, 3) n`;
  const count = async (table: string) => (await runText(sql, `select from ${table}`)).length;
  for (const [what, [step, tables]] of Object.entries(steps)) {
    const counts = () => Promise.all(tables.map(count));
    const before = await counts();
    expect([what, Math.min(...before)]).toEqual([what, Math.max(3, Math.min(...before))]);
    const gone = await api.database.begin((tx) => step(tx, api.teamId, 2));
    const after = await counts();
    expect([what, before.map((rows, at) => rows - (after[at] ?? 0))]).toEqual([
      what,
      tables.map(() => 2),
    ]);
    // Links into the portal and listeners go on top, each once its sessions or requests have gone.
    const links = what === "its traces" ? 4 : 0;
    expect([what, gone >= tables.length * 2, gone <= tables.length * 2 + links]).toEqual([
      what,
      true,
      true,
    ]);
    for (let rounds = 0; rounds < 1_000; rounds++) {
      if ((await api.database.begin((tx) => step(tx, api.teamId, 2))) === 0) break;
    }
    expect([what, await counts()]).toEqual([what, tables.map(() => 0)]);
  }
  expect(await count("attempts")).toBe(0);
});
