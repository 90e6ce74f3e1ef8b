import { type ChildProcess, execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { until } from "../support/house.ts";
import { startFaulty } from "../support/process.ts";
import { expectInvariants, type FaultWorld, openFaultWorld } from "./fault-world.ts";

const terminateBackends = ({ house }: FaultWorld, of: string) => house.database.sql`
  select pg_terminate_backend(pid) from pg_stat_activity
  where datname = current_database() and application_name = ${`postrider ${of}`}`;

/** Waits until a process stands still: what it prints comes before it does, and SIGCONT would come too early. */
const standsStill = ({ pid }: ChildProcess) =>
  until("the process stands still", async () =>
    execFileSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" }).startsWith("T"),
  );

test("if a backend is terminated between a fact's statements and its commit, nothing is stored; the fact is committed again before the caller gets an answer", async () => {
  const world = await openFaultWorld("unordered");
  const faulty = startFaulty({ point: "before_commit", fault: "stall" }, ["serve"], world.env);
  const { url, child, printed, terminate } = await faulty.ready;
  const answered = world.report(url, "first");
  await printed(/reached before_commit/);
  await standsStill(child);
  await until("its statements are done, and the transaction is open", async () => {
    const open = await world.house.database.sql`
      select 1 from pg_stat_activity
      where datname = current_database() and application_name = 'postrider ingest'
        and state = 'idle in transaction' and query like '%insert into runs%'`;
    return open.length === 1;
  });
  await terminateBackends(world, "ingest");
  child.kill("SIGCONT");
  expect(await answered).toMatchObject({ status: 201 });
  await world.house.settled();
  await expectInvariants(world, 1);
  expect(await world.fateOf((await world.house.delivery()).id)).toEqual({
    arrived: 1,
    attempts: [200],
    status: "delivered",
  });
  expect(await terminate()).toBe(0);
});

test("backends are terminated before a result is written: it is kept and written, and nothing is sent again", async () => {
  const world = await openFaultWorld("unordered");
  const faulty = startFaulty(
    { point: "before_result_commit", fault: "stall" },
    ["serve"],
    world.env,
  );
  const { url, child, printed, terminate } = await faulty.ready;
  expect((await world.report(url, "first"))?.status).toBe(201);
  await printed(/reached before_result_commit/);
  await standsStill(child);
  await terminateBackends(world, "results");
  child.kill("SIGCONT");
  await world.house.settled();
  await expectInvariants(world, 1);
  expect(world.house.receiver.requests).toHaveLength(1);
  expect(await terminate()).toBe(0);
});

test.each(["unordered", "ordered"] as const)(
  "invariant 4: an %s delivery's process stands still beyond its lease; another takes over, and the late result moves nothing",
  async (kind) => {
    const world = await openFaultWorld(kind);
    const { house } = world;
    await world.leaveInTable("first");
    const order = { point: "before_result_commit", fault: "stall" } as const;
    const { child, printed, terminate } = await startFaulty(order, ["serve"], world.env).ready;
    await printed(/reached before_result_commit/);
    await standsStill(child);
    await house.passTime("2 minutes");

    await world.takeOver();
    await until("it is finished", async () => (await house.delivery()).finished_at !== null);
    const taken = await house.delivery();
    child.kill("SIGCONT");
    await until("the late result is logged", async () =>
      (await house.attempts()).every(({ success }) => success),
    );
    expect(await house.delivery()).toEqual(taken);
    expect(taken.status).toBe(kind === "unordered" ? "delivered" : "failed");
    expect(house.receiver.requests).toHaveLength(kind === "unordered" ? 2 : 1);
    expect(await terminate()).toBe(0);
  },
);
