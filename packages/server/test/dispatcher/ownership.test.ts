import { expect, onTestFinished, test, vi } from "vitest";
import type { Database } from "../../src/db/pool.ts";
import { openOwnership } from "../../src/dispatcher/ownership.ts";

type Table = {
  done: string[];
  unseen: string[];
  dead: string[];
  fails: boolean;
};

vi.mock("../../src/db/lease-owners.ts", () => ({
  seeLeaseOwnerOfAllTeams: async (table: Table, owner: string) => {
    table.done.push(`see ${owner}`);
    if (table.fails) throw new Error("away");
    return table.unseen;
  },
  endLeasesOfDeadOwnerOfAllTeams: async ({ sql }: { sql: Table }, owner: string) => {
    sql.done.push(`end ${owner}`);
    return sql.dead.includes(owner);
  },
  removeLeaseOwnerOfAllTeams: async (table: Table, owner: string) => {
    table.done.push(`remove ${owner}`);
    if (table.fails) throw new Error("away");
  },
}));

/** Each pause lasts until the test lets it end, or it is broken off. */
const pauses = vi.hoisted(() => ({ ms: [] as number[], end: () => {} }));
vi.mock("node:timers/promises", () => ({
  setTimeout: (ms: number, _value: undefined, { signal }: { signal: AbortSignal }) =>
    new Promise<void>((resolve, reject) => {
      pauses.ms.push(ms);
      pauses.end = resolve;
      signal.addEventListener("abort", () => reject(new Error("aborted")));
      if (signal.aborted) reject(new Error("aborted"));
    }),
}));

const turn = () => new Promise((resolve) => setImmediate(resolve));

function openWorld(given: Partial<Table> = {}) {
  pauses.ms = [];
  const table: Table = { done: [], unseen: [], dead: [], fails: false, ...given };
  const told: string[] = [];
  const ownership = openOwnership({
    database: { sql: table } as unknown as Database,
    owner: "me",
    onEnded: () => told.push("ended"),
    onError: (error) => told.push((error as Error).message),
  });
  return { table, told, ownership };
}

test("a process reports every two seconds that it lives, more often at first, and has no row after its end", async () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const { table, ownership } = openWorld();
  ownership.start();
  ownership.start();
  await turn();
  expect([table.done, pauses.ms]).toEqual([["see me"], [500]]);
  vi.advanceTimersByTime(5_999);
  pauses.end();
  await turn();
  vi.advanceTimersByTime(1);
  pauses.end();
  await turn();
  expect(pauses.ms).toEqual([500, 500, 2_000]);
  expect(table.done).toEqual(["see me", "see me", "see me"]);
  await ownership.close();
  expect(table.done).toEqual(["see me", "see me", "see me", "remove me"]);
});

test("it ends the leases of processes that do not report, and returns those that were dead", async () => {
  const { table, told, ownership } = openWorld({ unseen: ["a", "b", "c"], dead: ["a", "c"] });
  ownership.start();
  await turn();
  expect(table.done).toEqual(["see me", "end a", "end b", "end c"]);
  expect(told).toEqual(["ended", "ended"]);
  await ownership.close();
});

test("an unreachable database is reported and asked again, and closing does not wait for it", async () => {
  const { table, told, ownership } = openWorld({ fails: true });
  ownership.start();
  await turn();
  pauses.end();
  await turn();
  expect([told, table.done]).toEqual([
    ["away", "away"],
    ["see me", "see me"],
  ]);
  await ownership.close();
});

test("a process that never began is not removed", async () => {
  const { table, ownership } = openWorld();
  await ownership.close();
  expect(table.done).toEqual([]);
});
