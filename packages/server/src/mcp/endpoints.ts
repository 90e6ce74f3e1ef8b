import type { Endpoint } from "@postrider/sdk";
import { z } from "zod";
import { shortDelivery, tellAttempt, waitForAttempt } from "./deliveries.ts";
import { endpointInput, findEndpoint, shortEndpoint } from "./find-endpoint.ts";
import { defineTool, type ToolContext, ToolRefusal } from "./tool.ts";

const listedMax = 50;

/** Shows an endpoint with its health, or lists the endpoints. */
export const getEndpoint = defineTool({
  name: "get_endpoint",
  title: "Get an endpoint",
  description:
    "Shows a webhook endpoint: URL, event types, whether it is enabled, its health (since when it fails, last success, what waits for it, the circuit breaker) and its counts of the last 24 hours. Without `endpoint` it lists the endpoints of the team, failing ones first.",
  input: z.strictObject({ endpoint: endpointInput.optional() }),
  async run({ endpoint: meant }, context) {
    const { client, signal } = context;
    if (meant === undefined) return await listEndpoints(context);
    const endpoint = await findEndpoint(context, meant);
    const { buckets } = await client.stats.get({ endpoint_id: endpoint.id }, { signal });
    const sum = (name: "delivered" | "failed" | "retried" | "attempts") =>
      buckets.reduce((total, bucket) => total + bucket[name], 0);
    const { filter: _, rate_limit_per_second: __, ...shown } = endpoint;
    return {
      summary: tellHealth(endpoint),
      endpoint: shown,
      last_24_hours: {
        delivered: sum("delivered"),
        failed: sum("failed"),
        attempts: sum("attempts"),
        attempts_retried_later: sum("retried"),
      },
    };
  },
});

async function listEndpoints({ client, signal }: ToolContext): Promise<object> {
  const { endpoints, next_cursor } = await client.endpoints.list({ limit: 200 }, { signal });
  const rank = { failing: 0, disabled: 1, healthy: 2, idle: 3 };
  const sorted = endpoints.sort((a, b) => rank[a.health.state] - rank[b.health.state]);
  const more = next_cursor !== null || sorted.length > listedMax;
  return {
    endpoints: sorted.slice(0, listedMax).map(shortEndpoint),
    ...(more && { note: "There are more. Name one by a part of its name or URL." }),
  };
}

/** Describes an endpoint's health in a sentence. */
function tellHealth({ name, disabled_reason, health }: Endpoint): string {
  const { state, since, last_error_code, last_success_at, pending, pending_is_estimate } = health;
  const success =
    last_success_at === null ? "it never succeeded" : `last success ${last_success_at}`;
  const waits =
    pending === 0 ? "" : ` ${pending}${pending_is_estimate ? " or more" : ""} deliveries wait.`;
  const told = {
    healthy: `${name} is healthy; ${success}.`,
    idle: `${name} had no attempt in the last 24 hours.`,
    failing: `${name} has failed since ${since} (${last_error_code}); ${success}.`,
    disabled: `${name} is disabled (${disabled_reason ?? "manual"}) since ${since}: nothing is delivered to it.`,
  };
  return told[state] + waits;
}

/** Sends a made-up event to an endpoint. */
export const sendTestEvent = defineTool({
  name: "send_test_event",
  title: "Send a test event",
  description:
    "Sends a made-up event, marked as a test, to one endpoint through the real queue, and waits up to ten seconds for the answer. `event_type` chooses the sample where the endpoint's contract has several; without it, the first that the endpoint takes. An assistant's server takes no test events.",
  input: z.strictObject({
    endpoint: endpointInput,
    event_type: z.string().max(100).optional(),
  }),
  needs: "write",
  effects: { destructive: false, idempotent: false },
  async run({ endpoint: meant, event_type }, context) {
    const { client, signal } = context;
    const endpoint = await findEndpoint(context, meant);
    if (!endpoint.enabled) {
      throw new ToolRefusal(
        `${endpoint.name} is disabled (${endpoint.disabled_reason ?? "manual"}): a test event would wait until a person enables it.`,
      );
    }
    const { event_id } = await test(context, endpoint, event_type ?? endpoint.event_types[0] ?? "");
    const query = { event_id: [event_id], endpoint_id: [endpoint.id] };
    for await (const { id } of client.deliveries.each(query, { signal })) {
      const delivery = await waitForAttempt(context, id, 0);
      return { summary: tellAttempt(delivery, 0), event_id, delivery: shortDelivery(delivery) };
    }
    return {
      summary: "The test event is on its way; list_deliveries with its event_id shows it.",
      event_id,
    };
  },
});

async function test(
  { client, signal }: ToolContext,
  { id, contract, name }: Endpoint,
  eventType: string,
): Promise<{ event_id: string }> {
  const action = eventType as never;
  switch (contract) {
    case "workflow":
      return await client.workflowWebhooks.test(id, { action }, { signal });
    case "organisation":
      return await client.webhooks.test(id, { signal });
    case "operational":
      return await client.operationalWebhooks.test(id, { action }, { signal });
    default:
      throw new ToolRefusal(
        `${name} is an assistant's server, which takes no test events: it is told of calls. Start a call with the assistant instead.`,
      );
  }
}
