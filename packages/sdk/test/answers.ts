import type { ClientOptions } from "../src/index.ts";

/** One request as a scripted service got it. */
export type Seen = {
  method: string;
  path: string;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into bodies of every shape.
  body: any;
};

/** What a scripted service does with a request: answers, or throws as a network does. */
export type Script = (seen: Seen, count: number) => Response | Promise<Response>;

/** Answers with JSON. */
export const json = (body: unknown, status = 200, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify(body), { status, headers });

/** Answers with a problem of the catalogue. */
export const problem = (status: number, code: string, headers: Record<string, string> = {}) =>
  json({ code, status, title: code, detail: `It is ${code}.`, request_id: "req_1" }, status, {
    "content-type": "application/problem+json",
    ...headers,
  });

/** Makes the options of a client whose service is a script, which never waits and notes what it would have waited. */
export function scripted(script: Script) {
  const seen: Seen[] = [];
  const delays: number[] = [];
  const options: ClientOptions = {
    url: "https://postrider.test/",
    apiKey: "prk_test",
    fetch: async (url, { method = "", headers, body } = {}) => {
      const { pathname, search } = new URL(String(url));
      const text = typeof body === "string" ? JSON.parse(body) : undefined;
      const one = { method, path: pathname + search, headers: new Headers(headers), body: text };
      seen.push(one);
      return script(one, seen.length);
    },
    delay: async (ms) => {
      delays.push(ms);
    },
    random: () => 1,
    now: () => Date.UTC(2026, 10, 21),
  };
  return { options, seen, delays };
}
