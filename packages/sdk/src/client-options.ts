import { kindOf, requireFunction, requireNumber, requireOptions, requireText } from "./guards.ts";
import type { OnReportError } from "./report-errors.ts";

/** The address of the service, the API key, time-outs and retries. Only `url` and `apiKey` are required. */
export type ClientOptions = {
  /** Such as `https://postrider.example.com`. */
  url: string;
  apiKey: string;
  /** One of the teams that the key reaches. Default: the key's default team. */
  teamId?: string;
  /** Time-out of one attempt, including the body of the answer. Default: 30,000. */
  timeoutMs?: number;
  /** Maximum number of retries after the first attempt. Default: 4. */
  retriesMax?: number;
  /** How long a report without a buffer is repeated while the service is not available. Default: 30,000. */
  reportPatienceMs?: number;
  /** Called for each report that could not be recorded, for runs and calls without their own listener. */
  onReportError?: OnReportError;
  fetch?: typeof fetch;
  /** Waits `ms` milliseconds; throws early when the signal is aborted. */
  delay?: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** Gives a number from 0 (included) to 1 (excluded). */
  random?: () => number;
  now?: () => number;
};

/** The longest that timers can wait. */
const timerMsMax = 2_147_483_647;

/** Requires the client's mandatory options, and refuses unknown ones. */
export function requireClientOptions(options: ClientOptions): void {
  requireOptions<Required<ClientOptions>>((options ?? null) as Required<ClientOptions>, {
    url: requireUrl,
    apiKey: requireApiKey,
    teamId: requireToken,
    timeoutMs: (value, name) => requireNumber(value, name, { min: 1, max: timerMsMax }),
    retriesMax: (value, name) => requireNumber(value, name, { min: 0, max: 1_000, whole: true }),
    reportPatienceMs: (value, name) => requireNumber(value, name, { min: 0, max: timerMsMax }),
    onReportError: requireFunction,
    fetch: requireFunction,
    delay: requireFunction,
    random: requireFunction,
    now: requireFunction,
  });
  requireUrl(options.url, "url");
  requireApiKey(options.apiKey, "apiKey");
}

function requireUrl(value: unknown, name: string): void {
  const problem = urlProblem(requireText(value, name));
  if (problem !== undefined) throw new TypeError(`${name} ${problem}.`);
}

function urlProblem(text: string): string | undefined {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return 'must be a whole URL such as "https://postrider.example.com"';
  }
  if (!/^https?:$/.test(url.protocol)) return 'must begin with "https://" or "http://"';
  if (url.username !== "" || url.password !== "") return "must hold no user name and no password";
  return /[?#]/.test(text) ? 'must hold no "?" and no "#"' : undefined;
}

function requireApiKey(value: unknown, name: string): void {
  if (value === undefined || value === null || value === "") {
    throw new TypeError(`${name} is ${kindOf(value)}. Set it, for instance in the environment.`);
  }
  requireToken(value, name);
  if (isPage()) {
    throw new TypeError(
      `${name} must not be used in a web page: everybody who opens the page can read it. Call the API from your server.`,
    );
  }
  if (/^whsec_/.test(value as string)) {
    throw new TypeError(`${name} is a signing secret (whsec_…), and not an API key.`);
  }
}

/** Whether this is a browser page. Node with a simulated document, as in tests, is not. */
function isPage(): boolean {
  const { document, process } = globalThis as {
    document?: unknown;
    process?: { versions?: { node?: string } };
  };
  return document !== undefined && process?.versions?.node === undefined;
}

/** Requires a text without blanks that is valid in a header. */
function requireToken(value: unknown, name: string): void {
  if (!/^[\x21-\x7e]+$/.test(requireText(value, name))) {
    throw new TypeError(`${name} must be printable ASCII without blanks or line breaks.`);
  }
}
