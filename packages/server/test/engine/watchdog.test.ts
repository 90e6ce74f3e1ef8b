import { expect, onTestFinished, test, vi } from "vitest";
import type { DispatchProgress } from "../../src/domain/dispatch-progress.ts";
import { openWatchdog } from "../../src/watch/watchdog.ts";

const working: DispatchProgress = {
  lookedMs: 1,
  overrunMs: 0,
  unwrittenMs: 0,
  held: 0,
  steppedMs: 0,
};
const stalled: DispatchProgress = { ...working, lookedMs: 11_000 };

function setup() {
  vi.useFakeTimers({ toFake: ["performance", "setInterval", "clearInterval"] });
  const world = { progress: working, away: false, oldestDueMs: 0 };
  const told: string[] = [];
  const watchdog = openWatchdog({
    progress: () => world.progress,
    oldestDueMs: () => world.oldestDueMs,
    askDatabase: () => (world.away ? Promise.reject(new Error("away")) : Promise.resolve()),
    onChange: (reason, seconds) => told.push(reason ?? `goes on after ${seconds} s`),
    onHopeless: (reason) => told.push(`hopeless: ${reason}`),
    patienceMs: 60_000,
  });
  onTestFinished(() => {
    watchdog.close();
    vi.useRealTimers();
  });
  watchdog.start();
  return { world, told, watchdog, pass: (ms: number) => vi.advanceTimersByTimeAsync(ms) };
}

const silent = "The dispatcher has not looked for deliveries for 11 seconds.";

test("a stall is reported at once, and reported as hopeless once after its time", async () => {
  const { world, told, pass } = setup();
  await pass(5_000);
  expect(told).toEqual([]);
  world.progress = stalled;
  await pass(2_000);
  expect(told).toEqual([silent]);
  await pass(58_000);
  expect(told).toEqual([silent]);
  await pass(60_000);
  expect(told).toEqual([silent, `hopeless: ${silent}`]);
});

test("the end of a stall is reported, and the next stall begins again", async () => {
  const { world, told, pass } = setup();
  world.progress = stalled;
  await pass(41_000);
  world.progress = working;
  await pass(1_000);
  expect(told).toEqual([silent, "goes on after 41 s"]);
  world.progress = stalled;
  await pass(50_000);
  expect(told).toHaveLength(3);
});

test("while the database is away no time counts, however long that is", async () => {
  const { world, told, pass } = setup();
  world.away = true;
  world.progress = stalled;
  await pass(600_000);
  expect(told).toEqual([]);
  world.away = false;
  await pass(59_000);
  expect(told).toEqual([silent]);
  world.away = true;
  await pass(5_000);
  world.away = false;
  await pass(59_000);
  expect(told.filter((line) => line.startsWith("hopeless"))).toEqual([]);
});

test("a stall is reported when a delivery is due and no attempt begins", async () => {
  const { world, watchdog } = setup();
  world.progress = { ...working, steppedMs: 50_000 };
  expect(watchdog.stall()).toBeUndefined();
  world.oldestDueMs = 50_000;
  expect(watchdog.stall()).toContain("A delivery has been due for 50 seconds");
});
