// The ceiling: sign and POST from memory, no storage at all.
import { webhookBodies } from "../facts.ts";
import { inLanes } from "../lanes.ts";
import { openSignedPoster } from "../post.ts";
import { compete, hooks } from "./contestant.ts";

compete(async ({ origin, concurrency, fanOut }) => {
  const poster = openSignedPoster(origin, concurrency);
  const paths = hooks(fanOut);
  let webhooks = webhookBodies(0);
  let recorded = 0;

  function* deliveries() {
    for (const { id, body } of webhooks) {
      const bytes = Buffer.from(body);
      for (const path of paths) yield { path, id, bytes };
    }
  }

  return {
    prepare(count) {
      webhooks = webhookBodies(count);
    },
    async run() {
      await inLanes(deliveries(), concurrency, async ({ path, id, bytes }) => {
        await poster.post(path, id, bytes);
        recorded++;
      });
    },
    countRecorded: async () => recorded,
    close: () => poster.close(),
  };
});
