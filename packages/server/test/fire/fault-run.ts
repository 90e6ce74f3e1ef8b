import { verify } from "@postrider/sdk";
import { expect } from "vitest";
import type { Server } from "../../src/server.ts";
import { until } from "../support/house.ts";
import { type EndedProcess, type ServiceProcess, startFaulty } from "../support/process.ts";
import type { DeliveryKind, Fate, FaultCase } from "./fault-table.ts";
import { expectInvariants, type FaultWorld, openFaultWorld } from "./fault-world.ts";

/** For a machine that is busy with other tests. */
const finishedMsMax = 30_000;

/** What a killed process and its caller leave to the one that takes over. */
type Aftermath = {
  /** Facts that there must be in the end. */
  facts: number;
  /** The delivery that the case is about; undefined: the only one there is, once it is there. */
  deliveryId?: string;
  /** What is done again, or looked at, at the second process. */
  atSecond?: (second: Server) => Promise<void>;
};

/** Kills a process at the point, lets a second one take over, and tells what became of the delivery. */
export async function runFaultCase(
  { point, approach }: FaultCase,
  kind: DeliveryKind,
): Promise<Fate> {
  const world = await openFaultWorld(kind, approach === "timed" ? "time" : "reports");
  const { house } = world;
  if (["waiting", "tidied", "redelivered", "replayed"].includes(approach)) {
    await world.leaveInTable("first");
  }
  if (approach === "drained") {
    await world.leaveInTable("first");
    await world.leaveInTable("besides");
  }
  if (approach === "timed") await world.letTimeRunOut();

  const env = { ...world.env, ...(approach === "drained" && { POSTRIDER_CONCURRENCY: "1" }) };
  // Every round of the janitor has several steps: in the middle of them. The first step of a replay counts.
  const nth = approach === "tidied" || approach === "replayed" ? 2 : 1;
  const faulty = startFaulty({ point, fault: "die", nth }, ["serve"], env);
  const aftermath = await bringThere[approach](world, faulty.ready, faulty.ended);
  const { signal, output } = await faulty.ended;
  expect({ signal, output }).toMatchObject({
    signal: "SIGKILL",
    output: expect.stringContaining(`reached ${point}`),
  });

  // What the dead process holds is nobody else's until its lease ends.
  const forTheTaking = await house.database.sql`
    select id from deliveries d
    where lease_token is not null and not coalesce(due_at > now(), exists (
      select from hot_leases h
      where h.lease_token = d.lease_token and d.id = any(h.delivery_ids) and h.expires_at > now()))`;
  expect(forTheTaking).toEqual([]);
  await house.passTime("2 minutes");
  await house.database.sql`
    update idempotency_keys set in_flight_until = in_flight_until - interval '2 minutes'`;

  const second = await world.takeOver();
  await aftermath.atSecond?.(second);
  await finished(world, aftermath.facts);
  const { deliveryId = (await house.delivery()).id } = aftermath;
  const fate = await world.fateOf(deliveryId);

  if (approach !== "timed") await expectLifeGoesOn(world, second, aftermath.facts);
  await expectInvariants(world, aftermath.facts + (approach === "timed" ? 0 : 1));
  return fate;
}

type Approaches = Record<
  FaultCase["approach"],
  (
    world: FaultWorld,
    ready: Promise<ServiceProcess>,
    ended: Promise<EndedProcess>,
  ) => Promise<Aftermath>
>;

const bringThere: Approaches = {
  async reported(world, ready) {
    expect(await world.report((await ready).url, "first")).toBeUndefined();
    return {
      facts: 1,
      // A caller without an answer reports again: created if nothing was kept, else a repeat.
      atSecond: async ({ url }) => {
        expect((await world.report(url, "first"))?.status).toBeOneOf([200, 201]);
      },
    };
  },

  async keyed(world, ready) {
    const header = { "idempotency-key": "a key" };
    expect(await world.report((await ready).url, "keyed", header)).toBeUndefined();
    return {
      facts: 1,
      atSecond: async ({ url }) => {
        // The same ids are derived from the key, so that the fact is found again.
        const repeat = await world.report(url, "keyed", header);
        expect(repeat?.status).toBe(200);
        expect(await world.report(url, "keyed", header)).toEqual(repeat);
      },
    };
  },

  waiting: async () => ({ facts: 1 }),
  tidied: async () => ({ facts: 1 }),
  timed: async () => ({ facts: 1 }),

  async drained({ house, arrivals }, ready, ended) {
    const answer = house.receiver.hold();
    const { child } = await ready;
    await house.receiver.received(1);
    await until("both are leased", async () =>
      (await house.deliveries()).every(({ lease_token }) => lease_token !== null),
    );
    child.kill("SIGTERM");
    await ended;
    answer();
    const unsent = (await house.deliveries()).find(({ event_id }) => !arrivals(event_id).length);
    return { facts: 2, deliveryId: unsent?.id ?? "every one was sent" };
  },

  async redelivered(world, ready) {
    const { url } = await ready;
    await finished(world, 1);
    const { id } = await world.house.delivery();
    const ask = (at: string) =>
      world.call(at, "POST", `/workflows/v1/workflow-webhooks/events/${id}/retry`);
    expect(await ask(url)).toBeUndefined();
    const pending = (await world.house.delivery()).status === "pending";
    return {
      facts: 1,
      atSecond: async (second) => {
        // Asked for again where it was not committed.
        if (!pending) expect((await ask(second.url))?.status).toBeOneOf([200, 202]);
      },
    };
  },

  async replayed(world, ready) {
    const { url } = await ready;
    await finished(world, 1);
    const body = { filter: {}, only: "all" };
    const started = await world.call(url, "POST", "/v1/replays", { body });
    expect(started?.status).toBe(202);
    const path = `/v1/replays/${started?.body.id}`;
    return {
      facts: 1,
      atSecond: (second) =>
        until("the replay is done", async () => {
          const { state, replayed } = (await world.call(second.url, "GET", path))?.body ?? {};
          return state === "done" && replayed === 1;
        }),
    };
  },

  async rotated(world, ready) {
    const before = await world.signingSecret();
    expect(await world.rotateSecret((await ready).url)).toBeUndefined();
    const after = await world.signingSecret();
    await world.leaveInTable("first");
    return {
      facts: 1,
      atSecond: async () => {
        await finished(world, 1);
        // Receivers that know the old secret go on; whoever asks is told the one that counts.
        const [request] = world.house.receiver.requests;
        for (const secret of [before, after]) {
          await verify(request?.body ?? "", request?.headers as Record<string, string>, secret);
        }
      },
    };
  },
};

/** Waits until so many facts have come to their end. */
const finished = ({ house }: FaultWorld, facts: number) =>
  until(
    "every delivery is finished",
    async () => {
      const deliveries = await house.deliveries();
      return deliveries.length === facts && deliveries.every(({ finished_at }) => finished_at);
    },
    finishedMsMax,
  );

/** What comes after the lost one is delivered as if nothing had happened, and in order. */
async function expectLifeGoesOn(world: FaultWorld, { url }: Server, facts: number): Promise<void> {
  expect((await world.report(url, "later"))?.status).toBe(201);
  await finished(world, facts + 1);
  const last = world.house.receiver.requests.at(-1);
  expect(last?.body.toString()).toContain(world.traceOf("later"));
}
