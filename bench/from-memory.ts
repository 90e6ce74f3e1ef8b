// What the service does with facts, without storage: it decides them on what it has seen, renders, signs and POSTs.
import { workflowWebhooks } from "../packages/server/src/domain/contracts/workflow-webhooks.ts";
import { decide } from "../packages/server/src/domain/decide.ts";
import type { Fact } from "../packages/server/src/domain/facts.ts";
import { noChanges, type Recorded, type World } from "../packages/server/src/domain/world.ts";
import type { Settled } from "../packages/server/src/group-commit.ts";
import { openSignedPoster } from "./post.ts";

/** Facts on their way in memory: nothing of it survives the process. */
export type FromMemory = {
  recordAll(facts: readonly Fact[]): Promise<Settled<Recorded>[]>;
  close(): Promise<void>;
};

/** Delivers to one receiver, so many requests at once. */
export function openFromMemory(receiver: string, concurrency: number): FromMemory {
  const { origin, pathname } = new URL(receiver);
  const poster = openSignedPoster(origin, concurrency);
  const world: World = {
    now: new Date(),
    workflows: new Map(),
    versions: new Map(),
    runs: new Map(),
    steps: new Map(),
    assistants: new Map(),
    calls: new Map(),
    messages: new Map(),
    cancelledRunsMax: 0,
  };
  let sending = Promise.resolve();

  return {
    async recordAll(facts) {
      world.now = new Date();
      const changes = noChanges();
      const settled = facts.map((fact) => ({ result: decide(fact, world, changes) }));
      const events = changes.happened
        .filter(
          ({ happening }) => happening.kind === "run_started" || happening.kind === "run_ended",
        )
        .map(({ happening, occurrence }) => workflowWebhooks.render(happening, occurrence));
      // As many at once as the poster has connections; the others wait in it.
      const sent = events.map(({ id, payload }) => poster.post(pathname, `event_${id}`, payload));
      sending = Promise.all([sending, ...sent]).then(() => {});
      return settled;
    },
    async close() {
      await sending;
      await poster.close();
    },
  };
}
