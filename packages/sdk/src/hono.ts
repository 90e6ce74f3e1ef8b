import { receiveWebhooks as receiveRequests } from "./fetch.ts";
import type { ReceiverOptions } from "./receive.ts";

export type { ReceiverOptions } from "./receive.ts";

/** Receives webhooks as a handler of Hono: `app.post("/hooks", receiveWebhooks({ secret, onEvent }))`. */
export function receiveWebhooks(
  options: ReceiverOptions,
): (context: { req: { raw: Request } }) => Promise<Response> {
  const receive = receiveRequests(options);
  return (context) => receive(context.req.raw);
}
