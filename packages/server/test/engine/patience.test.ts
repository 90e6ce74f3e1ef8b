import { expect, onTestFinished, test, vi } from "vitest";
import { openPatience } from "../../src/patience.ts";

class Away extends Error {}

/** Work over something that is away until a time of the test's clock. */
function openWorld() {
  vi.useFakeTimers({ toFake: ["performance", "setTimeout", "clearTimeout"] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const patience = openPatience((error) => error instanceof Away);
  const world = { awayUntilMs: 0, tries: 0 };
  const work = async () => {
    world.tries++;
    if (performance.now() < world.awayUntilMs) throw new Away("away");
    return "done";
  };
  /** Starts the work; how it ended, and when, is known once time has passed. */
  const start = () => {
    const startedAtMs = performance.now();
    const ended: { how?: string; afterMs?: number } = {};
    patience(work)
      .catch((error: Error) => error.message)
      .then((how) => Object.assign(ended, { how, afterMs: performance.now() - startedAtMs }));
    return ended;
  };
  return { world, patience, start, pass: (ms: number) => vi.advanceTimersByTimeAsync(ms) };
}

test("work waits while something is away for a moment, and tries no oftener than four times a second for long", async () => {
  const { world, start, pass } = openWorld();
  world.awayUntilMs = performance.now() + 6_000;
  const ended = start();
  await pass(5_900);
  expect(ended).toEqual({});
  await pass(400);
  expect(ended.how).toBe("done");
  expect(ended.afterMs).toBeLessThan(6_300);
  expect(world.tries).toBeLessThan(30);
});

test("after ten seconds all work fails with its error at once, until it is back", async () => {
  const { world, start, pass } = openWorld();
  world.awayUntilMs = performance.now() + 60_000;
  const first = start();
  await pass(4_000);
  const later = start();
  await pass(6_000);
  expect([first.how, later.how]).toEqual(["away", "away"]);
  expect(first.afterMs).toBeGreaterThan(9_500);
  for (let seconds = 0; seconds < 50; seconds++) {
    const refused = start();
    await pass(1_000);
    expect(refused).toEqual({ how: "away", afterMs: 0 });
  }
  const back = start();
  await pass(0);
  expect(back.how).toBe("done");
  world.awayUntilMs = performance.now() + 3_000;
  const again = start();
  await pass(3_500);
  expect(again.how).toBe("done");
});

test("an outage whose end was not noticed does not shorten the next one", async () => {
  const { world, start, pass } = openWorld();
  world.awayUntilMs = performance.now() + 11_000;
  const first = start();
  await pass(11_000);
  expect(first.how).toBe("away");
  await pass(3_600_000);
  world.awayUntilMs = performance.now() + 2_000;
  const next = start();
  await pass(2_500);
  expect(next.how).toBe("done");
});

test("other errors fail at once", async () => {
  const { patience } = openWorld();
  await expect(patience(() => Promise.reject(new Error("wrong")))).rejects.toThrow("wrong");
});
