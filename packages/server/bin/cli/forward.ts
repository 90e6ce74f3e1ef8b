import http from "node:http";
import https from "node:https";
import type { ListenerAnswer, ListenerRequest } from "@postrider/sdk";

/** The result of a request: the answer to report, and in a word why the application gave none. */
export type Forwarded = { answer: Omit<ListenerAnswer, "request_id">; problem?: string };

/** Posts a request, and returns its result. It never rejects. */
export type Forward = (request: ListenerRequest) => Promise<Forwarded>;

/** The time limit of a request, the same as the service's. */
const timeoutMs = 30_000;
/** The most characters of a body that are reported, so that the JSON fits into a request to the API. */
const bodyCharactersMax = 32 * 1024;
const headersMax = 50;
const headerCharactersMax = 2_048;

/** Answers everything with 200, and posts nothing. */
export const answerAll: Forward = async () => ({
  answer: { status_code: 200, headers: {}, body: "", duration_ms: 0 },
});

/**
 * Posts requests to a URL unchanged: the same headers and bytes; only `host` and `content-length` are added.
 *
 * Without an answer, it reports what a proxy would: 502, or 504 after a timeout, with the reason as text.
 */
export function openForward(url: string): Forward {
  const { request: send, Agent } = url.startsWith("https:") ? https : http;
  const agent = new Agent({ keepAlive: true });
  return ({ method, headers, body }) => {
    const bytes = Buffer.from(body, "base64");
    const startedMs = performance.now();
    const took = () => Math.round(performance.now() - startedMs);
    return new Promise((resolve) => {
      const failed = (status: number, problem: string) =>
        resolve({
          problem,
          answer: {
            ...{ status_code: status, headers: {}, duration_ms: took() },
            body: `postrider listen: ${problem} (${url})`,
          },
        });
      const sent = send(url, {
        method,
        agent,
        headers: { ...headers, "content-length": bytes.length },
      });
      const timer = setTimeout(() => sent.destroy(new Error("time-out")), timeoutMs);
      sent.on("error", (error: NodeJS.ErrnoException) => {
        clearTimeout(timer);
        const timedOut = error.message === "time-out";
        failed(timedOut ? 504 : 502, problems[error.code ?? ""] ?? error.message);
      });
      sent.on("response", async (response) => {
        const duration_ms = took();
        try {
          const text = await readBody(response);
          const status_code = response.statusCode ?? 0;
          if (status_code < 200 || status_code > 599) {
            failed(502, `answered ${status_code}, which is no status`);
          } else
            resolve({
              answer: { status_code, headers: headersOf(response), body: text, duration_ms },
            });
        } catch {
          failed(502, "the answer broke off");
        } finally {
          clearTimeout(timer);
        }
      });
      sent.end(bytes);
    });
  };
}

const problems: Readonly<Record<string, string>> = {
  ECONNREFUSED: "refused",
  ECONNRESET: "reset",
  ENOTFOUND: "unknown name",
  EAI_AGAIN: "unknown name",
};

/** The beginning of a body as text; the rest is read and dropped, so that the connection can be used again. */
async function readBody(response: http.IncomingMessage): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response) {
    if (text.length < bodyCharactersMax) text += decoder.decode(chunk as Buffer, { stream: true });
  }
  return text.slice(0, bodyCharactersMax).toWellFormed().replaceAll("\0", "\ufffd");
}

/** The headers that can be reported; very long ones are left out. */
function headersOf({ headersDistinct }: http.IncomingMessage): Record<string, string | string[]> {
  const told = Object.entries(headersDistinct)
    .map(([name, values = []]): [string, string[]] => [
      name,
      values.filter(
        (value) => value.length <= headerCharactersMax && /^[\t\x20-\x7e\x80-\xff]*$/.test(value),
      ),
    ])
    .filter(
      ([name, values]) => name.length <= 128 && values.length > 0 && values.length <= headersMax,
    )
    .slice(0, headersMax);
  return Object.fromEntries(
    told.map(([name, values]) => [name, values[1] === undefined ? (values[0] ?? "") : values]),
  );
}
