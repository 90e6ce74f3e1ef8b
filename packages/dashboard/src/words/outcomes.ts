import type { Delivery } from "@postrider/sdk";

/** Which of the four status colours a word has. */
export type Tone = "ok" | "wait" | "bad" | "idle";

/** A state as people read it. */
export type Word = { word: string; tone: Tone };

/** The four words for a delivery's status, the same everywhere. */
export const outcomes: Readonly<Record<Delivery["status"], Word>> = {
  delivered: { word: "Delivered", tone: "ok" },
  retrying: { word: "Retrying", tone: "wait" },
  failed: { word: "Failed", tone: "bad" },
  pending: { word: "Waiting", tone: "idle" },
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

/** The states of an endpoint's health, as words. */
export const healthWords: Readonly<Record<"healthy" | "failing" | "disabled" | "idle", Word>> = {
  healthy: { word: "Healthy", tone: "ok" },
  failing: { word: "Failing", tone: "bad" },
  disabled: { word: "Disabled", tone: "idle" },
  idle: { word: "Idle", tone: "idle" },
};

/** The contracts as people call them. */
export const contractWords: Readonly<Record<string, string>> = {
  workflow: "Workflow webhook",
  organisation: "Organisation webhook",
  assistant: "Assistant server",
  operational: "Operational webhook",
  listener: "Listener",
};
