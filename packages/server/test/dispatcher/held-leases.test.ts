import { expect, test } from "vitest";
import { openHeldLeases } from "../../src/dispatcher/held-leases.ts";

const one = { leaseToken: "one" };
const other = { leaseToken: "other" };

test("a lease ends when the last delivery under it is written, and once", async () => {
  const leases = openHeldLeases();
  leases.enter(one);
  leases.enter(one);
  leases.enter(other);
  leases.leave(one);
  expect(await leases.end(async (tokens) => [...tokens])).toEqual([]);
  leases.leave(one);
  leases.leave(other);
  expect(await leases.end(async (tokens) => [...tokens])).toEqual(["one", "other"]);
  leases.leave(one);
  expect(await leases.end(async (tokens) => [...tokens])).toEqual([]);
});

test("a lease under which a delivery was left runs out by itself, whatever comes of the others", async () => {
  const leases = openHeldLeases();
  for (let deliveries = 0; deliveries < 3; deliveries++) leases.enter(one);
  leases.abandon(one);
  leases.leave(one);
  leases.leave(one);
  leases.leave(one);
  expect(await leases.end(async (tokens) => [...tokens])).toEqual([]);
});

test("a claimed delivery is under no hot lease", async () => {
  const leases = openHeldLeases();
  leases.leave(one);
  expect(await leases.end(async (tokens) => [...tokens])).toEqual([]);
});

test("leases that could not be ended are ended by the next walk", async () => {
  const leases = openHeldLeases();
  leases.enter(one);
  leases.leave(one);
  const failing = leases.end(async () => {
    throw new Error("the database cannot be reached");
  });
  await expect(failing).rejects.toThrow("the database cannot be reached");
  expect(await leases.end(async (tokens) => [...tokens])).toEqual(["one"]);
});
