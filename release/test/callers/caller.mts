import { Postrider, verify, type WebhookEventOf } from "@postrider/sdk";
import { receiveWebhooks } from "@postrider/sdk/fetch";
import { sign } from "@postrider/sdk/sign";

export const postrider = new Postrider({ url: "https://postrider.test", apiKey: "prk_test" });
export const signature: string = sign(new Uint8Array(32), "event_1", 1, "{}");

export async function durationOf(request: Request, secret: string): Promise<number | null> {
  const event = await verify(await request.text(), request.headers, secret);
  if (event.type !== "workflow_run_completed") return null;
  const completed: WebhookEventOf<"workflow_run_completed"> = event;
  return completed.payload.run.duration_ms;
}

export const POST: (request: Request) => Promise<Response> = receiveWebhooks({
  secret: "whsec_",
  onEvent(event) {
    // @ts-expect-error: there is no such event.
    if (event.type === "workflow_paused") return;
  },
});
