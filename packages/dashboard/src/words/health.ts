import type { EndpointHealth } from "@postrider/sdk";
import { counted, percent } from "./numbers.ts";
import type { Tone } from "./outcomes.ts";
import { duration, moment, type Zone } from "./times.ts";

/** Why an attempt failed, as the end of "the receiver …". */
const faults: Readonly<Record<string, string>> = {
  http_status: "The receiver answers, but not with 2xx.",
  timeout: "The receiver does not answer in time.",
  dns_error: "The receiver's name cannot be resolved.",
  connect_refused: "The receiver refuses connections.",
  connection_reset: "The receiver resets connections.",
  connection_closed: "The receiver closes connections before it answers.",
  connection_failed: "The receiver cannot be reached.",
  proxy_error: "The operator's proxy does not let the requests through.",
  tls_error: "The receiver's certificate or TLS does not hold.",
  protocol_error: "The receiver's answers are not valid HTTP.",
  headers_too_large: "The heads of the receiver's answers are too large.",
  blocked_address: "The receiver's address is one that this service does not deliver to.",
  listener_gone: "The listener does not answer in time.",
  blocked_url: "The URL is one that this service does not deliver to.",
};

/** The description of a health: a first sentence in the colour of its state, and details. */
export type HealthSentence = { tone: Tone; lead: string; rest: string };

/** Describes an endpoint's state, since when, why, and what it means for its deliveries. */
export function healthSentence(
  health: EndpointHealth,
  {
    zone,
    nowMs,
    reason,
    answer,
  }: {
    zone: Zone;
    nowMs: number;
    /** Why it is disabled. */
    reason?: "manual" | "failing" | null;
    /** Its last status code, if known. */
    answer?: number | null | undefined;
  },
): HealthSentence {
  const since = moment(health.since, zone, nowMs);
  const { pending } = health;
  const waiting =
    pending === 0
      ? ""
      : `${health.pending_is_estimate ? "More than " : ""}${counted(pending, "delivery waits", "deliveries wait")}.`;
  switch (health.state) {
    case "failing":
      return {
        tone: "bad",
        lead: `Failing since ${since}.`,
        rest: sentences(
          health.last_error_code === "http_status" && answer
            ? `The receiver answers ${answer}.`
            : (faults[health.last_error_code ?? ""] ?? "Its attempts fail."),
          waiting,
        ),
      };
    case "disabled":
      return {
        tone: "idle",
        lead: `Disabled since ${since}${reason === "failing" ? ", because it kept failing" : ""}.`,
        rest: sentences(
          "It gets nothing new.",
          waiting && `${waiting.slice(0, -1)} until it is enabled.`,
        ),
      };
    case "idle":
      return {
        tone: "idle",
        lead: "Idle.",
        rest: sentences("Nothing was sent to it in the last 24 hours.", waiting),
      };
    case "healthy": {
      const rate = health.success_rate_1h;
      const last = health.last_failing;
      return {
        tone: "ok",
        lead: "Healthy.",
        rest: sentences(
          rate === null ? "" : `${percent(rate)} of its attempts succeeded in the last hour.`,
          health.p95_ms_1h === null ? "" : `95 of 100 took at most ${duration(health.p95_ms_1h)}.`,
          last === null
            ? ""
            : `It failed from ${moment(last.from, zone, nowMs)} to ${moment(last.to, zone, nowMs)}.`,
          waiting,
        ),
      };
    }
  }
}

const sentences = (...parts: readonly string[]): string =>
  parts.filter((part) => part !== "").join(" ");

/** The time span to replay: that of the present or the last period of failures; undefined without one. */
export function missedSpan(
  health: Pick<EndpointHealth, "state" | "since" | "last_failing">,
): { from: string; to?: string } | undefined {
  if (health.state === "failing") return { from: health.since };
  if (health.last_failing === null) return undefined;
  // Its `to` is when the endpoint succeeded again; a delivery that was created at exactly that time is included.
  return {
    from: health.last_failing.from,
    to: new Date(Date.parse(health.last_failing.to) + 1).toISOString(),
  };
}
