import { onTestFinished } from "vitest";
import type { TestApi } from "./api.ts";

/** An event of a stream; one without a name only says how far the stream has come. */
export type StreamEvent = {
  event: string | undefined;
  id: string | undefined;
  data: string | undefined;
};

export type OpenStream = {
  status: number;
  headers: Headers;
  /** The whole answer, where it is no stream. */
  text(): Promise<string>;
  /** Reads on until a named event has come; undefined when the stream has ended. */
  next(): Promise<StreamEvent | undefined>;
  /** The id that was told last. */
  lastId(): string;
  close(): void;
};

/** Opens a stream of a test's API over a real connection, by a key or a session's cookie. */
export async function openStream(
  api: Pick<TestApi, "app" | "key">,
  path: string,
  {
    key = api.key,
    cookie,
    lastEventId,
  }: { key?: string; cookie?: string; lastEventId?: string } = {},
): Promise<OpenStream> {
  if (api.app.server.address() === null) await api.app.listen({ host: "127.0.0.1", port: 0 });
  const address = api.app.server.address() as { port: number };
  const closing = new AbortController();
  onTestFinished(() => closing.abort());
  const response = await fetch(`http://127.0.0.1:${address.port}${path}`, {
    headers: {
      ...(cookie === undefined ? { authorization: `Bearer ${key}` } : { cookie }),
      ...(lastEventId === undefined ? {} : { "last-event-id": lastEventId }),
    },
    signal: closing.signal,
  });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  let lastId = "";
  const block = async (): Promise<string | undefined> => {
    for (;;) {
      const end = text.indexOf("\n\n");
      if (end >= 0) {
        const found = text.slice(0, end);
        text = text.slice(end + 2);
        return found;
      }
      const read = await reader?.read();
      if (!read || read.done) return undefined;
      text += read.value;
    }
  };
  return {
    status: response.status,
    headers: response.headers,
    async text() {
      while ((await block()) !== undefined);
      return text;
    },
    async next() {
      for (let found = await block(); found !== undefined; found = await block()) {
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(found ?? "")?.[1];
        lastId = field("id") ?? lastId;
        const event = field("event");
        if (event !== undefined) return { event, id: field("id"), data: field("data") };
      }
      return undefined;
    },
    lastId: () => lastId,
    close: () => closing.abort(),
  };
}
