import type { DeliveryAttempt, DeliveryDetails, Endpoint } from "@postrider/sdk";
import { z } from "zod";
import { advise } from "./advice.ts";
import { counted, cut } from "./cuts.ts";
import { shortDelivery } from "./deliveries.ts";
import { endpointInput, findEndpoint, shortEndpoint } from "./find-endpoint.ts";
import { compareWithLastSuccess } from "./last-success.ts";
import { defineTool, fromOutside, type ToolContext, ToolRefusal } from "./tool.ts";

const attemptsMax = 10;
const answerCharactersMax = 2_000;
const bodyCharactersMax = 4_000;

/** Explains why a delivery failed: its attempts, the receiver's answers, and the differences from the last success. */
export const explainFailure = defineTool({
  name: "explain_failure",
  title: "Explain a failure",
  description: `Says why a delivery failed: each attempt with its timing, what the receiver answered, what changed since the last success, and what to do now. Give a \`delivery_id\`, or an \`endpoint\` for the last delivery to it that failed. ${fromOutside} Bodies are shown only to a key with the scope \`payload\`.`,
  input: z.strictObject({
    delivery_id: z
      .string()
      .regex(/^[0-9a-f]{24}$/, "is 24 hex digits")
      .optional(),
    endpoint: endpointInput.optional(),
  }),
  async run({ delivery_id, endpoint: meant }, context) {
    const { client, signal } = context;
    if ((delivery_id === undefined) === (meant === undefined)) {
      throw new ToolRefusal("Give either a delivery_id or an endpoint.");
    }
    if (delivery_id !== undefined) {
      const delivery = await client.deliveries.get(delivery_id, { signal });
      const endpoint = await findDeliverysEndpoint(context, delivery);
      return await explain(context, delivery, endpoint);
    }
    const endpoint = await findEndpoint(context, meant ?? "");
    const id = await findLastFailed(context, endpoint);
    if (id === undefined) {
      return {
        summary: `No delivery to ${endpoint.name} that is still kept has failed. list_deliveries shows what went there.`,
        endpoint: shortEndpoint(endpoint),
      };
    }
    return await explain(context, await client.deliveries.get(id, { signal }), endpoint);
  },
});

/** Finds the endpoint of a delivery; undefined when it was deleted. */
async function findDeliverysEndpoint(
  { client, signal }: ToolContext,
  { endpoint_id }: DeliveryDetails,
): Promise<Endpoint | undefined> {
  return await client.endpoints.get(endpoint_id, { signal }).catch((error) => {
    if (error.code === "not_found") return undefined;
    throw error;
  });
}

async function findLastFailed(
  { client, signal }: ToolContext,
  { id }: Endpoint,
): Promise<string | undefined> {
  const query = { endpoint_id: [id], status: ["failed" as const, "retrying" as const], limit: 20 };
  for await (const delivery of client.deliveries.each(query, { signal })) return delivery.id;
  return undefined;
}

async function explain(
  context: ToolContext,
  delivery: DeliveryDetails,
  endpoint: Endpoint | undefined,
): Promise<object> {
  const { attempts, request } = delivery;
  const shown = attempts.slice(0, attemptsMax);
  const hidden = [
    ...new Set([...(request.hidden ?? []), ...shown.flatMap((one) => one.hidden ?? [])]),
  ];
  return {
    summary: tell(delivery, endpoint),
    delivery: shortDelivery(delivery),
    endpoint: endpoint ? shortEndpoint(endpoint) : { id: delivery.endpoint_id, deleted: true },
    attempts: shown.map(attemptAnswer),
    ...(attempts.length > shown.length && { attempts_left_out: attempts.length - shown.length }),
    ...(request.body !== null && { request_body: cut(request.body, bodyCharactersMax) }),
    ...(hidden.length > 0 && {
      hidden: `${hidden.join(", ")}: shown only to a key with the scope payload.`,
    }),
    since_last_success: endpoint && (await compareWithLastSuccess(context, endpoint, delivery)),
    what_to_do: advise(delivery, endpoint, context.scopes),
  };
}

/** Describes the delivery's state and its reason in two or three sentences. */
function tell(delivery: DeliveryDetails, endpoint: Endpoint | undefined): string {
  const { status, attempts_count, attempts, event_type, next_attempt_at, error_code } = delivery;
  const what = `The delivery of ${event_type} to ${endpoint?.name ?? "an endpoint that was deleted"}`;
  const tried = counted(attempts_count, "attempt", "attempts");
  const latest = attempts.find((one) => one.error_code !== null);
  const why =
    latest?.error ?? (error_code === null ? undefined : `Its error code is ${error_code}.`);
  const told = {
    delivered: `${what} was delivered at ${delivery.delivered_at}, after ${tried}.`,
    failed: `${what} failed after ${tried}.`,
    retrying: `${what} has failed so far, after ${tried}; it is tried again at ${next_attempt_at}.`,
    pending: `${what} waits; no attempt has ended yet.`,
  };
  return why === undefined ? told[status] : `${told[status]} ${why}`;
}

function attemptAnswer(attempt: DeliveryAttempt) {
  const { response_body, response_headers, response_truncated } = attempt;
  const said = response_body !== null && response_body !== "";
  return {
    number: attempt.number,
    at: attempt.at,
    url: attempt.url,
    address: attempt.address,
    status_code: attempt.status_code,
    error_code: attempt.error_code,
    error: attempt.error,
    duration_ms: attempt.duration_ms,
    timing_ms: attempt.timing,
    will_retry: attempt.will_retry,
    asked_by: attempt.actor,
    ...((said || response_headers !== null) && {
      receiver_said: {
        ...(said && { body: cut(response_body, answerCharactersMax) }),
        ...(response_truncated && { body_was_longer: true }),
        ...(response_headers !== null && {
          headers: cut(JSON.stringify(response_headers), answerCharactersMax).text,
        }),
      },
    }),
  };
}
