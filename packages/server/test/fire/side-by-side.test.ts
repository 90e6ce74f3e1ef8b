import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { until } from "../support/house.ts";
import { productionEnvironment, runCommand, startService } from "../support/process.ts";
import { findOldVersion, layOut } from "./old-version.ts";
import { openOwnPostgres, ownDirectory } from "./own-postgres.ts";
import { openReporters, type Reporters } from "./reporters.ts";

const old = findOldVersion();
if (typeof old === "string") console.warn(`no old version runs beside this one: ${old}.`);

/** So many more runs are acknowledged. */
const more = async (reporters: Reporters, count: number) => {
  const wanted = reporters.acknowledged.size + count;
  await until(`${wanted} are acknowledged`, () => reporters.acknowledged.size >= wanted, 60_000);
};
const allArrive = (what: string, reporters: Reporters) =>
  until(`${what} arrives`, () => reporters.missing().length === 0, 60_000);

async function deliveredBy(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(
    /^postrider_deliveries_total\{.*outcome="delivered".*\} (\d+)$/m.exec(text)?.[1] ?? 0,
  );
}

test.skipIf(typeof old === "string")(
  "an upgrade while the old version serves, both side by side, and the way back: every acknowledged run arrives, and none is refused",
  { timeout: 300_000 },
  async () => {
    if (typeof old === "string") return;
    const postgres = await openOwnPostgres(`${ownDirectory()}/postgres`);
    const env = productionEnvironment(postgres.url);
    const program = layOut(old, ownDirectory());
    const startOld = () => startService(["serve"], env, undefined, program);
    execFileSync(process.execPath, [program, "migrate"], {
      env: { PATH: process.env.PATH, ...env },
    });
    const before = await startOld();
    const toOld = await openReporters(before.url, env.POSTRIDER_API_KEY ?? "");
    const stopOld = toOld.start(4);
    await more(toOld, 20);

    const migrated = await runCommand(["migrate", "--json"], env);
    expect([migrated.code, migrated.stderr]).toEqual([0, ""]);
    expect(JSON.parse(migrated.stdout).applied).toEqual(old.lacks);
    await more(toOld, 20);

    const now = await startService(["serve"], env);
    const toNew = await openReporters(now.url, env.POSTRIDER_API_KEY ?? "");
    const stopNew = toNew.start(4);
    const [byOld, byNew] = [await deliveredBy(before.url), await deliveredBy(now.url)];
    await more(toOld, 50);
    await more(toNew, 50);
    // Each delivers what it took.
    await until("the old version delivers", async () => (await deliveredBy(before.url)) > byOld);
    await until("this version delivers", async () => (await deliveredBy(now.url)) > byNew);

    // The order of an upgrade: the old process is told to stop while callers still report to the new one.
    await stopOld();
    expect(await before.terminate()).toBe(0);
    await more(toNew, 20);
    await allArrive("what the old version took", toOld);

    // Back: the old version starts on the schema of this one.
    const back = await startOld();
    await stopNew();
    expect(await now.terminate()).toBe(0);
    await allArrive("what this version took", toNew);
    const after = await openReporters(back.url, env.POSTRIDER_API_KEY ?? "");
    for (let reported = 0; reported < 20; reported++) await after.report();
    await allArrive("what the old version took afterwards", after);
    expect(await back.terminate()).toBe(0);
    for (const { answers } of [toOld, toNew, after]) expect([...answers.keys()]).toEqual([201]);
    expect(after.acknowledged.size).toBe(20);
  },
);
