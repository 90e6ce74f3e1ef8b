import type { Conversation, Delivery, Endpoint, EndpointHealth, Run } from "@postrider/sdk";

/** Which of the four status colours a word has. */
export type Tone = "ok" | "wait" | "bad" | "idle";

/** A state as people read it. */
export type Word = { word: string; tone: Tone };

/** The four words for a delivery's status, the same as on the dashboard. */
export const outcomes: Readonly<Record<Delivery["status"], Word>> = {
  delivered: { word: "Delivered", tone: "ok" },
  retrying: { word: "Retrying", tone: "wait" },
  failed: { word: "Failed", tone: "bad" },
  pending: { word: "Waiting", tone: "idle" },
};

/** The states of an endpoint's health. */
export const healths: Readonly<Record<EndpointHealth["state"], Word>> = {
  healthy: { word: "Healthy", tone: "ok" },
  failing: { word: "Failing", tone: "bad" },
  disabled: { word: "Disabled", tone: "idle" },
  idle: { word: "Idle", tone: "idle" },
};

/** The colours of the states of a run. */
export const runTones: Readonly<Record<Run["status"], Tone>> = {
  started: "wait",
  running: "wait",
  paused: "idle",
  completed: "ok",
  failed: "bad",
  cancelled: "idle",
};

/** The colours of the states of a call. */
export const callTones: Readonly<Record<Conversation["status"], Tone>> = {
  queued: "idle",
  ongoing: "wait",
  forwarded: "wait",
  finished: "ok",
};

/** The contracts as people call them. */
export const contractWords: Readonly<Record<Endpoint["contract"], string>> = {
  workflow: "workflow webhook",
  organisation: "organisation webhook",
  assistant: "assistant server",
  operational: "operational webhook",
  listener: "listener",
};

/** Why there is no answer, in a word or two. */
export const errorWords: Readonly<Record<string, string>> = {
  timeout: "time-out",
  dns_error: "unknown name",
  blocked_address: "blocked",
  blocked_url: "blocked",
  blocked_header: "blocked",
  connect_refused: "refused",
  connection_reset: "reset",
  connection_closed: "closed",
  connection_failed: "no connection",
  proxy_error: "proxy",
  tls_error: "TLS",
  protocol_error: "not HTTP",
  headers_too_large: "headers",
  listener_gone: "no listener",
  unknown_outcome: "unknown",
  subscription_deleted: "deleted",
  crash_loop: "crashed",
};

/** The answer of the last attempt in a word: a status code, or what happened instead; empty before there is one. */
export function answerOf(of: { status_code: number | null; error_code: string | null }): string {
  if (of.status_code !== null) return String(of.status_code);
  if (of.error_code === null) return "";
  return errorWords[of.error_code] ?? of.error_code.replaceAll("_", " ");
}

const dotsMax = 6;

/** Attempts as dots: filled for made, hollow for one that is planned. */
export function dotsOf(of: Pick<Delivery, "status" | "attempts_count">): string {
  const planned = of.status === "retrying" || of.status === "pending" ? "○" : "";
  const made = of.attempts_count;
  return made <= dotsMax
    ? "●".repeat(made) + planned
    : `${made} ●${planned === "" ? "" : ` ${planned}`}`;
}

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** How long ago something was, for lists: `now`, `12 s`, `2 min`, `5 h`, `3 d`; empty for null. */
export function ageOf(at: string | null, nowMs: number): string {
  if (at === null) return "";
  const ms = Math.max(0, nowMs - Date.parse(at));
  return ms < 5 * second ? "now" : roughly(ms);
}

/** How long it is until then: `now`, `12 s`, `2 min`. */
export const untilOf = (at: string, nowMs: number): string => {
  const ms = Date.parse(at) - nowMs;
  return ms < second ? "now" : roughly(ms);
};

function roughly(ms: number): string {
  if (ms < minute) return `${Math.floor(ms / second)} s`;
  if (ms < hour) return `${Math.floor(ms / minute)} min`;
  if (ms < day) return `${Math.floor(ms / hour)} h`;
  return `${Math.floor(ms / day)} d`;
}

/** A duration: `212 ms`, `1.2 s`, `41 s`, `3 min`, `5 h`; empty where there is none. */
export function durationOf(ms: number | null): string {
  if (ms === null) return "";
  if (ms < second) return `${Math.max(0, Math.round(ms))} ms`;
  return ms < 10 * second ? `${(ms / second).toFixed(1).replace(/\.0$/, "")} s` : roughly(ms);
}

const whole = new Intl.NumberFormat("en");

/** A count and its noun: `1 delivery`, `1,204 deliveries`. */
export const counted = (value: number, one: string, many = `${one}s`): string =>
  `${whole.format(value)} ${value === 1 ? one : many}`;

// Swedish writes dates as ISO 8601 does.
const days = new Intl.DateTimeFormat("sv-SE", {
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
});
const clocks = new Intl.DateTimeFormat("sv-SE", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});

/** A point in time by the clock of this machine, with milliseconds, and with its day unless that is today. */
export function clockOf(at: string, nowMs: number): string {
  const date = new Date(at);
  const time = `${clocks.format(date)}.${String(date.getUTCMilliseconds()).padStart(3, "0")}`;
  return days.format(date) === days.format(new Date(nowMs)) ? time : `${days.format(date)} ${time}`;
}

/** The time zone that `clockOf` tells times in. */
export const zoneHere = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;
