/** Where a payload names its event type, contract by contract. The receiver and the generator of types both read this. */
export const eventTypeLocations = {
  workflow: ["action"],
  organisation: ["event_type"],
  assistant: ["message", "type"],
  operational: ["type"],
} as const;
