import { expect, onTestFinished, test, vi } from "vitest";
import { openPayloadVault } from "../../src/actions/payload-vault.ts";
import type { Database } from "../../src/db/pool.ts";
import { openKeyring } from "../../src/secrets.ts";

const keyring = openKeyring([Buffer.alloc(32, 1)]);

/** A vault on a database that answers with these teams, and a clock that the test moves. */
function open(answers: (string[] | Error)[]) {
  vi.useFakeTimers({ toFake: ["performance"] });
  onTestFinished(() => void vi.useRealTimers());
  const ask = vi.fn(async () => {
    const teams = answers.shift() ?? [];
    if (teams instanceof Error) throw teams;
    return teams.map((id) => ({ id }));
  });
  const database = { sql: () => ask } as unknown as Database;
  const vault = openPayloadVault({ database, keyring });
  const teams = async () => [...(await vault.sealing()).teams];
  return { vault, teams, ask };
}

test("the sealing teams are read again after two seconds, and not before", async () => {
  const { vault, teams, ask } = open([["a"], ["b"], ["c"]]);
  expect(await teams()).toEqual(["a"]);
  expect(await vault.sealing()).toMatchObject({ keyring });
  vi.advanceTimersByTime(1_999);
  expect(await teams()).toEqual(["a"]);
  expect(ask).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(1);
  expect(await teams()).toEqual(["b"]);
  vi.advanceTimersByTime(2_000);
  expect(await teams()).toEqual(["c"]);
  expect(ask).toHaveBeenCalledTimes(3);
});

test("an answer counts from when it was asked for, however long it took", async () => {
  const { teams, ask } = open([["a"], ["b"]]);
  const first = teams();
  vi.advanceTimersByTime(1_500);
  expect(await first).toEqual(["a"]);
  vi.advanceTimersByTime(600);
  expect(await teams()).toEqual(["b"]);
  expect(ask).toHaveBeenCalledTimes(2);
});

test("all who want to know at once wait for one answer", async () => {
  const { teams, ask } = open([["a"]]);
  expect(await Promise.all([teams(), teams(), teams()])).toEqual([["a"], ["a"], ["a"]]);
  expect(ask).toHaveBeenCalledTimes(1);
});

test("a caller fails when the teams cannot be read, and the next caller reads again", async () => {
  const { teams } = open([new Error("no database"), ["a"]]);
  await expect(teams()).rejects.toThrow("no database");
  expect(await teams()).toEqual(["a"]);
});
