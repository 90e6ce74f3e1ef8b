import { expect, test } from "vitest";
import { until } from "../support/house.ts";
import { startFaulty } from "../support/process.ts";
import { openFaultWorld } from "./fault-world.ts";

const others = ["second", "third", "fourth"];

test("a delivery that kills its process each time has failed as crash_loop after four deaths; the others arrive, also those that were held beside it", {
  timeout: 90_000,
}, async () => {
  const world = await openFaultWorld("unordered");
  const { house } = world;
  await world.leaveInTable("poison");
  const { id: poison, event_id } = await house.delivery();
  for (const other of others) await world.leaveInTable(other);

  for (let death = 1; death <= 4; death++) {
    const order = { point: "before_request", fault: "die", deliveryId: poison } as const;
    const { ended } = startFaulty(order, ["serve"], world.env);
    expect((await ended).signal).toBe("SIGKILL");
    expect(await house.delivery(poison)).toMatchObject({ crash_count: death - 1 });
    await house.passTime("2 minutes");
    await world.leaveInTable(`during ${death}`);
  }
  const second = await world.takeOver();
  await until("all is finished", async () =>
    (await house.deliveries()).every(({ finished_at }) => finished_at !== null),
  );
  expect(await house.delivery(poison)).toMatchObject({
    status: "failed",
    last_error: "crash_loop",
  });
  expect(world.arrivals(event_id)).toEqual([]);
  for (const { id, status, event_id } of await house.deliveries()) {
    if (id === poison) continue;
    expect(status).toBe("delivered");
    expect(world.arrivals(event_id).length).toBeGreaterThan(0);
  }
  expect((await world.report(second.url, "later"))?.status).toBe(201);
  await house.receiver.received(others.length + 5);
});
