import { contractOfEventType, type DeliveryFilter, type Endpoint } from "@postrider/sdk";

/** The name of an event type, whatever the contract. */
export type EventTypeName = Exclude<NonNullable<DeliveryFilter["event_type"]>, string[]>;

/** The contract of each event type. */
export const contractOf: Readonly<
  Record<EventTypeName, Exclude<Endpoint["contract"], "listener">>
> = contractOfEventType;

/** Every event type, in the order of the contracts. */
export const eventTypes = Object.keys(contractOf) as EventTypeName[];

/** The event types of one contract. */
export const typesOf = (contract: Endpoint["contract"]): EventTypeName[] =>
  eventTypes.filter((type) => contractOf[type] === contract);
