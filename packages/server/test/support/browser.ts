import type { CallAnswer, TestApi } from "./api.ts";

type Headers = Record<string, string>;
type Ask = (path: string, headers?: Headers) => Promise<CallAnswer>;
type Send = (path: string, body: object, headers?: Headers) => Promise<CallAnswer>;

/** A page of the service in a browser: it keeps cookies, and says where it comes from. */
export type Browser = {
  get: Ask;
  delete: Ask;
  post: Send;
  patch: Send;
  send(method: string, path: string, body?: unknown): Promise<CallAnswer>;
  /** What it would send as `Cookie`. */
  cookie(): string;
};

/** The origin of the pages that a test's browsers show. */
export const ownOrigin = "http://127.0.0.1:8080";

const sent = { origin: ownOrigin, "sec-fetch-site": "same-origin", "x-postrider-request": "1" };

/** Opens a browser that nobody has signed in yet; `changed` headers replace what it sends, and an empty one leaves it out. */
export function openBrowser(api: TestApi, changed: Headers = {}): Browser {
  const jar = new Map<string, string>();
  const cookie = () => [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
  const call = async (method: string, path: string, body?: unknown, own: Headers = {}) => {
    const all = { ...sent, ...(jar.size > 0 && { cookie: cookie() }), ...changed, ...own };
    const headers = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ""));
    const answer = await api.call(method, path, { key: null, headers, body });
    for (const one of [answer.headers["set-cookie"] ?? []].flat()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(String(one)) ?? [];
      if (String(one).includes("Max-Age=0")) jar.delete(name);
      else jar.set(name, value);
    }
    return answer;
  };
  return {
    get: (path, headers) => call("GET", path, undefined, headers),
    delete: (path, headers) => call("DELETE", path, undefined, headers),
    post: (path, body, headers) => call("POST", path, body, headers),
    patch: (path, body, headers) => call("PATCH", path, body, headers),
    send: (method, path, body) => call(method, path, body),
    cookie,
  };
}
