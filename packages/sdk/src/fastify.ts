import { requireText } from "./guards.ts";
import { openReceiver, type ReceiverOptions } from "./receive.ts";
import type { WebhookHeaders } from "./verify.ts";

/** The part of a Fastify instance that the plugin uses. */
type Instance = {
  removeAllContentTypeParsers(): unknown;
  addContentTypeParser(
    contentType: string,
    options: { parseAs: "buffer"; bodyLimit: number },
    parser: (request: unknown, body: Uint8Array) => Promise<unknown>,
  ): unknown;
  post(path: string, handler: (request: Received, reply: Reply) => Promise<unknown>): unknown;
};
type Received = { headers: object; body: unknown };
type Reply = { code(status: number): { send(text?: string): unknown } };

/** The options of the Fastify plugin. */
export type FastifyReceiverOptions = ReceiverOptions & {
  /** The path of the route, below the prefix that it is registered with. */
  path: string;
};

/**
 * Receives webhooks as a plugin of Fastify: `app.register(receiveWebhooks({ path: "/hooks", secret, onEvent }))`.
 *
 * The plugin keeps the raw body only for its own route; the app's other routes still parse theirs.
 */
export function receiveWebhooks(whole: FastifyReceiverOptions): (app: Instance) => Promise<void> {
  const { path, ...options } = whole ?? {};
  requireText(path, "path");
  const receiver = openReceiver(options);
  return async (app) => {
    // Only in this plugin's context: the app's parsers are not changed.
    app.removeAllContentTypeParsers();
    const raw = { parseAs: "buffer", bodyLimit: receiver.bodyBytesMax } as const;
    app.addContentTypeParser("*", raw, async (_request, body) => body);
    app.post(path, async (request, reply) => {
      const body = (request.body ?? new Uint8Array()) as Uint8Array;
      const { status, text } = await receiver.receive(body, request.headers as WebhookHeaders);
      return reply.code(status).send(status === 204 ? undefined : text);
    });
  };
}
