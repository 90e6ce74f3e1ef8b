import { expect } from "vitest";
import { stepReplay } from "../../src/actions/replay-step.ts";
import { openSeenApi, type Seen, type SeenApi } from "./seen-deliveries.ts";

/** Deliveries that have ended, and replays whose steps the test does. */
export type ReplayingApi = SeenApi & {
  /** Makes runs, and ends their deliveries to the workflow webhook and the organisation webhook. */
  endedRuns(count: number, outcome?: "delivered" | "failed"): Promise<Ended>;
  start(body: object, key?: string): Promise<Seen>;
  tryOut(body: object): Promise<Seen>;
  replay(id: string): Promise<Seen>;
  /** Does a step of the replay as if its time had come; says how many deliveries it made due. */
  step(id: string, freeSlots?: (subscriptionId: string) => number): Promise<number | undefined>;
  /** Ids of the deliveries that are due because somebody asked, in their order. */
  madeDue(): Promise<string[]>;
  /** Ends what is due because somebody asked, and does steps until the replay has ended. */
  finish(id: string, outcome?: "delivered" | "failed"): Promise<Seen>;
};

/** Delivery ids, oldest first. */
export type Ended = { workflow: string[]; organisation: string[] };

const stepsMax = 100;

/** Opens it; nothing is sent, and nothing but the test does a step. */
export async function openReplayingApi(): Promise<ReplayingApi> {
  const api = await openSeenApi();
  const { sql } = api.database;
  const { workflow } = await api.make("/workflows/v1/workflows", { name: "Onboarding" });
  await api.attempt((await api.list()).deliveries[0].id, "delivered");

  const read = async (path: string) => {
    const { status, body, text } = await api.call("GET", path);
    expect(status, text).toBe(200);
    return body;
  };
  const replay = (id: string) => read(`/v1/replays/${id}`);
  const step: ReplayingApi["step"] = async (id, freeSlots = () => 1_000) => {
    await sql`
      update replays set due_at = now(), paced_at = now() - interval '1 second'
      where id = ${id} and due_at is not null`;
    const database = api.deps.database.forTeams([api.teamId]);
    return await stepReplay({ database, freeSlots }, { teamId: api.teamId, id });
  };
  const madeDue = async () =>
    (await sql<{ id: string }>`select id from deliveries where manual order by id`).map(
      ({ id }) => id,
    );
  return {
    ...api,
    async endedRuns(count, outcome = "failed") {
      const ended: Ended = { workflow: [], organisation: [] };
      for (let run = 0; run < count; run++) {
        const runId = await api.startRun(workflow.id);
        for (const { id, contract } of (await api.list(`?subject_id=${runId}`)).deliveries) {
          await api.attempt(id, outcome);
          ended[contract as keyof Ended].push(id);
        }
      }
      return ended;
    },
    async start(body, key = api.key) {
      const started = await api.call("POST", "/v1/replays", { body, key });
      expect(started.status, started.text).toBe(202);
      return started.body;
    },
    async tryOut(body) {
      const tried = await api.call("POST", "/v1/replays", { body: { ...body, dry_run: true } });
      expect(tried.status, tried.text).toBe(200);
      return tried.body;
    },
    replay,
    step,
    madeDue,
    async finish(id, outcome = "delivered") {
      for (let count = 0; count < stepsMax; count++) {
        await step(id);
        for (const deliveryId of await madeDue()) await api.attempt(deliveryId, outcome);
        const now = await replay(id);
        if (now.state === "done") return now;
      }
      throw new Error("the replay does not end");
    },
  };
}
