import type { Delivery, DeliveryDetails, ListDeliveriesQuery } from "@postrider/sdk";
import { z } from "zod";
import { awaitAttempt } from "./attempt-wait.ts";
import { endpointInput, findEndpoint } from "./find-endpoint.ts";
import { defineTool, type ToolContext } from "./tool.ts";

const several = (what: string) => z.array(z.string().min(1).max(100)).min(1).max(20).describe(what);

/** The filter of deliveries in the input of tools, for lists and replays. */
export const filterInput = {
  endpoint: endpointInput.optional(),
  contract: z.array(z.enum(["workflow", "organisation", "assistant", "operational"])).optional(),
  event_type: several("Such as workflow_run_completed; list_event_types has them.").optional(),
  subject_id: z
    .string()
    .max(512)
    .optional()
    .describe(
      "A workflow, run, step (<run id>:<step id>), call or assistant; what is below it matches too.",
    ),
  event_id: several("Events, event_<uuid>.").optional(),
  error_code: several("Such as timeout, http_status, dns_error, tls_error.").optional(),
  from: z.string().max(40).optional().describe("RFC 3339; made at this time or later."),
  to: z.string().max(40).optional().describe("RFC 3339; made before this time."),
};

type FilterInput = z.infer<z.ZodObject<typeof filterInput>>;

/** Converts the filter of a tool's input to the API's; finds the endpoint by id, name or URL. */
export async function filterOf(context: ToolContext, input: FilterInput) {
  const { endpoint, contract, event_type, subject_id, event_id, error_code, from, to } = input;
  const found = endpoint === undefined ? undefined : await findEndpoint(context, endpoint);
  const filter = {
    endpoint_id: found && [found.id],
    contract,
    event_type,
    subject_id,
    event_id,
    error_code,
    from,
    to,
  };
  // The API checks the event types; here each is a text.
  return Object.fromEntries(
    Object.entries(filter).filter(([, value]) => value !== undefined),
  ) as Omit<ListDeliveriesQuery, "status" | "limit" | "cursor">;
}

/** A delivery in a list: its subject and status, without nulls. */
export const shortDelivery = (delivery: Delivery) =>
  Object.fromEntries(
    Object.entries({
      id: delivery.id,
      endpoint_id: delivery.endpoint_id,
      event_type: delivery.event_type,
      status: delivery.status,
      status_code: delivery.status_code,
      error_code: delivery.error_code,
      attempts_count: delivery.attempts_count,
      duration_ms: delivery.duration_ms,
      event_id: delivery.event_id,
      workflow_id: delivery.workflow_id,
      run_id: delivery.run_id,
      step_id: delivery.step_id,
      call_id: delivery.call_id,
      assistant_id: delivery.assistant_id,
      created_at: delivery.created_at,
      next_attempt_at: delivery.next_attempt_at,
      delivered_at: delivery.delivered_at,
      test: delivery.test || null,
    }).filter(([, value]) => value !== null),
  );

const waitedMsMax = 10_000;

/** Waits until a delivery has more ended attempts than `before`, at most ten seconds; returns its state then. */
export const waitForAttempt = (
  { client, signal }: ToolContext,
  id: string,
  before: number,
): Promise<DeliveryDetails> =>
  awaitAttempt(client, id, { attemptsBefore: before, msMax: waitedMsMax, signal });

/** Says in a sentence how the latest attempt at a delivery ended. */
export function tellAttempt({ status, attempts, attempts_count }: DeliveryDetails, before: number) {
  const [latest] = attempts;
  if (attempts_count <= before || !latest) {
    return `No attempt has ended within ${waitedMsMax / 1_000} seconds; look again with explain_failure.`;
  }
  if (status === "delivered") {
    return `Delivered: the receiver answered ${latest.status_code} after ${latest.duration_ms} ms.`;
  }
  const next = status === "retrying" ? " It is tried again by itself." : "";
  return `Not delivered: ${latest.error ?? `the attempt failed (${latest.error_code}).`}${next}`;
}

/** Lists deliveries, newest first. */
export const listDeliveries = defineTool({
  name: "list_deliveries",
  title: "List deliveries",
  description:
    "Lists webhook deliveries of all contracts, newest first: to which endpoint, of which event, how each stands and why the last attempt failed. A delivery is pending until its first attempt ends, retrying while another is due, then delivered or failed. Go on with `cursor` while `next_cursor` is not null, also when a page is short.",
  input: z.strictObject({
    ...filterInput,
    status: z
      .array(z.enum(["pending", "retrying", "delivered", "failed"]))
      .min(1)
      .optional(),
    limit: z.int().min(1).max(50).default(20),
    cursor: z.string().max(8_192).optional().describe("The next_cursor of the page before."),
  }),
  async run({ status, limit, cursor, ...filter }, context) {
    const { client, signal } = context;
    const query = {
      ...(await filterOf(context, filter)),
      limit,
      ...(status && { status }),
      ...(cursor !== undefined && { cursor }),
    };
    const { deliveries, next_cursor } = await client.deliveries.list(query, { signal });
    return { deliveries: deliveries.map(shortDelivery), next_cursor };
  },
});

/** Retries one delivery. */
export const retryDelivery = defineTool({
  name: "retry_delivery",
  title: "Retry a delivery",
  description:
    "Delivers one delivery again now, with the same webhook-id and body, and waits up to ten seconds for the answer. The receiver gets the event once more: it must bear duplicates. For many deliveries use replay_deliveries.",
  input: z.strictObject({ delivery_id: z.string().regex(/^[0-9a-f]{24}$/, "is 24 hex digits") }),
  needs: "write",
  effects: { destructive: false, idempotent: false },
  async run({ delivery_id: id }, context) {
    const { client, signal } = context;
    const { attempts_count: before } = await client.deliveries.get(id, { signal });
    await client.deliveries.retry(id, { signal });
    const delivery = await waitForAttempt(context, id, before);
    return { summary: tellAttempt(delivery, before), delivery: shortDelivery(delivery) };
  },
});
