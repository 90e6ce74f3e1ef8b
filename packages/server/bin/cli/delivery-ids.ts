import type { DeliveryDetails, Postrider } from "@postrider/sdk";
import { StartError } from "../../src/start-error.ts";
import { existing } from "./client.ts";
import { printable } from "./table.ts";

/** The last characters of an id that a narrow list shows instead of all 24. */
export const shortIdLength = 8;

/** The number of newest deliveries in which the end of an id is looked for. */
const soughtMax = 2_000;

/** Gets a delivery by its id, by the end of its id as narrow lists show it, or by the id of its event. */
export async function getDelivery(postrider: Postrider, given: string): Promise<DeliveryDetails> {
  const id = await deliveryId(postrider, given);
  const list = "deliveries list";
  return await existing(postrider.deliveries.get(id), { noun: "delivery", id, list });
}

/** Finds the whole id for a given id or the end of one. */
export async function deliveryId(postrider: Postrider, given: string): Promise<string> {
  if (/^event_/.test(given)) return await idByEvent(postrider, given);
  if (!/^[0-9a-f]{6,23}$/.test(given)) return given;
  const found: string[] = [];
  let looked = 0;
  for await (const { id } of postrider.deliveries.each()) {
    if (id.endsWith(given)) found.push(id);
    if (++looked >= soughtMax) break;
  }
  return only(
    found,
    `None of the newest ${looked} deliveries has an id that ends with ${given}. See them with their whole ids, run: postrider deliveries list --json`,
    `Several deliveries have an id that ends with ${given}`,
  );
}

async function idByEvent(postrider: Postrider, eventId: string): Promise<string> {
  const { deliveries } = await postrider.deliveries.list({ event_id: [eventId], limit: 200 });
  return only(
    deliveries.map(({ id }) => id),
    `There is no delivery of ${printable(eventId)}. See what there is, run: postrider deliveries list`,
    "The event went to several endpoints",
  );
}

function only([one, ...others]: readonly string[], none: string, several: string): string {
  if (one === undefined) throw new StartError(none);
  if (others.length === 0) return one;
  throw new StartError(
    [`${several}. Give one of these ids instead:`, ...[one, ...others].map((id) => `  ${id}`)].join(
      "\n",
    ),
  );
}
