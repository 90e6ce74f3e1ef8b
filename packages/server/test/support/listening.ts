import { expect } from "vitest";
import { type OpenStream, openStream } from "./event-stream.ts";
import type { Service } from "./running-server.ts";

/** A request as a listener's stream tells it. */
export type ListenedRequest = {
  id: string;
  method: string;
  headers: Record<string, string>;
  body: string;
  deadline: string;
  delivery_id: string;
  event_id: string;
  event_type: string;
  attempt: number;
  repeat: boolean;
};

/** A listener of a service, whose stream may be opened on any of its processes. */
export type Listening = {
  id: string;
  secret: string;
  open(at?: Service, lastEventId?: string): Promise<OpenStream>;
  /** The next request of a stream. */
  next(stream: OpenStream): Promise<ListenedRequest>;
  answer(
    requestId: string,
    given?: { status_code?: number; headers?: object; body?: string; duration_ms?: number },
    at?: Service,
  ): Promise<{ status: number; body: { code?: string } | undefined }>;
};

/** Makes a listener that wants this. */
export async function listen(service: Service, wish: object): Promise<Listening> {
  const made = await service.call("POST", "/v1/listeners", wish);
  expect(made.status).toBe(201);
  const { id, secret, endpoint_id } = made.body;
  expect(endpoint_id).toBe(id);
  const path = `/v1/listeners/${id}`;
  return {
    id,
    secret,
    async open(at = service, lastEventId) {
      const api = {
        key: at.key,
        app: { server: { address: () => ({ port: at.server.port }) } } as never,
      };
      const from = lastEventId === undefined ? {} : { lastEventId };
      const stream = await openStream(api, `${path}/requests`, from);
      expect(stream.status).toBe(200);
      return stream;
    },
    async next(stream) {
      const event = await stream.next();
      expect(event?.event).toBe("request");
      return JSON.parse(event?.data ?? "");
    },
    answer: (request_id, given = {}, at = service) =>
      at.call("POST", `${path}/answers`, {
        ...{ request_id, status_code: 200, headers: {}, body: "", duration_ms: 3 },
        ...given,
      }),
  };
}
