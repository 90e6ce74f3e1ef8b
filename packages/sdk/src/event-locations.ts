/** The place of the event type in the payloads of each contract. The receiver and the generator of types both use it. */
export const eventTypeLocations = {
  workflow: ["action"],
  organisation: ["event_type"],
  assistant: ["message", "type"],
  operational: ["type"],
} as const;
