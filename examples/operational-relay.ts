// Takes operational webhooks and passes them on to Slack and PagerDuty. Start it with WEBHOOK_SECRET, and SLACK_URL or PAGERDUTY_KEY.
import http from "node:http";
import type { WebhookEvent } from "@postrider/sdk";
import { receiveWebhooks } from "@postrider/sdk/express";

type Operational = Extract<WebhookEvent, { contract: "operational" }>;

/** What happened, in a sentence. */
export function sentenceOf(event: Operational): string {
  switch (event.type) {
    case "endpoint.failing": {
      const { name, failing_since } = event.payload.data.endpoint;
      return `${name} fails since ${failing_since}.`;
    }
    case "endpoint.recovered":
      return `${event.payload.data.endpoint.name} receives again; replay from ${event.payload.data.endpoint.failing_since} what it missed.`;
    case "endpoint.disabled":
      return `${event.payload.data.endpoint.name} was disabled: it had done nothing but fail.`;
    case "delivery.exhausted": {
      const { event_type, endpoint_id, error_code } = event.payload.data.delivery;
      return `${event_type} to endpoint ${endpoint_id} has used up its retries (${error_code}).`;
    }
    case "replay.completed": {
      const { delivered, failed } = event.payload.data.replay;
      return `A replay has ended: ${delivered} delivered, ${failed} failed.`;
    }
    case "backlog.growing":
      return `Deliveries have been due for ${event.payload.data.backlog.age_seconds} seconds.`;
    default:
      throw new Error(`unknown event ${event satisfies never}`);
  }
}

/** The body of a Slack incoming webhook. Source: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks */
export const slackMessage = (event: Operational) => ({ text: sentenceOf(event) });

/**
 * The body of a PagerDuty event (Events API v2): an endpoint that fails opens an incident, its recovery resolves it; null
 * for what wakes nobody. Source: https://developer.pagerduty.com/docs/send-alert-event
 */
export function pagerDutyEvent(event: Operational, routingKey: string) {
  if (event.type !== "endpoint.failing" && event.type !== "endpoint.recovered") return null;
  return {
    routing_key: routingKey,
    event_action: event.type === "endpoint.failing" ? "trigger" : "resolve",
    dedup_key: `postrider/${event.payload.data.endpoint.id}`,
    payload: { summary: sentenceOf(event), source: "postrider", severity: "error" },
  };
}

async function post(url: string, body: object): Promise<void> {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(8_000),
  });
  // Postrider tries again: the next attempt passes it on.
  if (!answer.ok) throw new Error(`${new URL(url).host} answered ${answer.status}`);
}

/** Passes one event on to whatever is set. */
export async function relay(event: WebhookEvent, env = process.env): Promise<void> {
  if (event.contract !== "operational") return;
  if (env.SLACK_URL) await post(env.SLACK_URL, slackMessage(event));
  const incident = env.PAGERDUTY_KEY && pagerDutyEvent(event, env.PAGERDUTY_KEY);
  if (incident)
    await post(env.PAGERDUTY_URL ?? "https://events.pagerduty.com/v2/enqueue", incident);
}

if (process.argv[1] === import.meta.filename) {
  const receive = receiveWebhooks({
    secret: process.env.WEBHOOK_SECRET ?? "",
    onEvent: (event) => relay(event),
  });
  http
    .createServer((request, response) => receive(request, response, () => response.end()))
    .listen(Number(process.env.PORT ?? 3000));
}
