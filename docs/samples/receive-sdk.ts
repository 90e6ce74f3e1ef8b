// Receives webhooks with the SDK, where a handler takes a Request and gives a Response.
import { receiveWebhooks } from "@postrider/sdk/fetch";

const seenIds = new Set<string>();

export const POST = receiveWebhooks({
  secret: process.env.WEBHOOK_SECRET ?? "",
  async onEvent(event) {
    // In production: insert the event into your database, with its id as a unique column.
    if (seenIds.has(event.id)) return;
    seenIds.add(event.id);
    if (event.type === "workflow_run_completed") console.log(event.payload.run.duration_ms);
  },
});
