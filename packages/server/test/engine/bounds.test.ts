import { expect, onTestFinished, test, vi } from "vitest";
import type { Database } from "../../src/db/pool.ts";
import type { Recorder } from "../../src/dispatcher/recorder.ts";
import { jsonText } from "../../src/domain/json-text.ts";
import { openHouse, until } from "../support/house.ts";

/** A gate: who comes to it waits until it is opened. */
function openGate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open: () => open(), opened };
}

test("while results cannot be written, at most twice the requests are sent that may be in flight at once", async () => {
  const gate = openGate();
  const house = await openHouse({
    concurrency: 4,
    recorder: (recorder): Recorder => ({
      ...recorder,
      record: async (record) => {
        await gate.opened;
        return await recorder.record(record);
      },
    }),
  });
  await house.subscribe({ events: ["workflow_created"] });
  for (let n = 0; n < 20; n++) await house.workflow();
  await house.receiver.received(8);
  // What is due stays due however often it is looked for.
  for (let n = 0; n < 3; n++) {
    const before = house.dispatcher.sincePollMs();
    house.dispatcher.wake();
    await until("it was looked for", () => (house.dispatcher.sincePollMs() ?? 0) < (before ?? 1));
  }
  expect(house.receiver.requests).toHaveLength(8);
  gate.open();
  await house.drain();
  expect(house.receiver.requests).toHaveLength(20);
});

test("no more payload is handed over at once than 64 MiB and one delivery: the rest stays in the table", async () => {
  const house = await openHouse({ concurrency: 1_000, started: false });
  const events = ["workflow_run_started"];
  for (let n = 0; n < 12; n++) await house.subscribe({ events, timeoutSeconds: 30 });
  const workflowId = await house.workflow();
  const open = house.receiver.hold();
  await house.startRun(workflowId, { input: jsonText("x".repeat(8 * 1024 * 1024)) });
  expect(house.dispatcher.held).toBe(8);
  const leased = (await house.deliveries()).filter(({ lease_token }) => lease_token !== null);
  expect(leased).toHaveLength(8);
  open();
  house.dispatcher.start();
  await house.drain();
  expect(house.receiver.requests).toHaveLength(12);
  expect(house.dispatcher.held).toBe(0);
  // All of it is given back: as much can be held again.
  const again = house.receiver.hold();
  await house.startRun(workflowId, { input: jsonText("x".repeat(8 * 1024 * 1024)) });
  expect(house.dispatcher.held).toBeGreaterThanOrEqual(8);
  again();
});

test("a delivery that falls due during a poll is polled for at once, and not at the next interval", async () => {
  // No poll by the clock: whatever is looked for was asked for.
  vi.useFakeTimers({ toFake: ["setTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  const gate = openGate();
  const looks: string[] = [];
  const claims = (database: Database): Database => {
    const slow = ((first: TemplateStringsArray | string, ...values: unknown[]) => {
      if (typeof first !== "string") return database.sql(first, ...values);
      const run = database.sql(first);
      return async (strings: TemplateStringsArray, ...named: unknown[]) => {
        if (first === "list_due_subscriptions" && looks.push(first) === 1) {
          const seen = await run(strings, ...named);
          await gate.opened;
          return seen;
        }
        return await run(strings, ...named);
      };
    }) as Database["sql"];
    return { ...database, sql: slow };
  };
  const house = await openHouse({ hot: false, started: false, claims });
  await house.subscribe({ events: ["workflow_created"] });
  house.dispatcher.start();
  await until("the table is being looked at", () => looks.length === 1);
  await house.workflow();
  house.dispatcher.wake();
  expect(looks).toHaveLength(1);
  gate.open();
  await house.receiver.received(1);
});
