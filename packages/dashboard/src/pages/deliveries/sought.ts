import type { DeliveryFilter } from "@postrider/sdk";
import type { DeliverySought } from "../../api/deliveries.ts";
import { many, one, type Searched } from "../../search.ts";

/** The parameters of the deliveries page's address. */
export const deliveriesSpec = {
  status: many("pending", "retrying", "delivered", "failed"),
  endpoint: many(),
  contract: many("workflow", "organisation", "assistant", "operational"),
  type: many(),
  error: many(),
  about: one(),
  event: one(),
  from: one(),
  to: one(),
  delivery: one(),
} as const;

/** The filters of an address, in the words of the API. */
export function soughtOf(address: Searched<typeof deliveriesSpec>): DeliverySought {
  return {
    status: address.status,
    endpoint_id: address.endpoint,
    contract: address.contract,
    event_type: address.type,
    error_code: address.error,
    event_id: address.event === undefined ? [] : [address.event],
    subject_id: address.about,
    from: address.from,
    to: address.to,
  };
}

/** The same filters for a replay, without those that are not set. */
export const replayFilterOf = (sought: DeliverySought): DeliveryFilter =>
  Object.fromEntries(
    Object.entries(sought).filter(([, value]) => value !== undefined && value.length > 0),
  );

/** Whether anything is filtered at all. */
export const isFiltered = (sought: DeliverySought): boolean =>
  Object.values(sought).some((value) => value !== undefined && value.length > 0);

/** Finds the kind of a typed id: an event, or a workflow, run, step, call or assistant; undefined when it is not an id. */
export function idTyped(text: string): { about: string } | { event: string } | undefined {
  const id = text.trim();
  if (/^event_[0-9a-f-]{36}$/i.test(id)) return { event: id };
  if (/^[0-9a-f]{24}(?::.{1,200})?$/.test(id) || /^(?:WC|CC)-[0-9a-f-]{36}$/i.test(id)) {
    return { about: id };
  }
  return undefined;
}
