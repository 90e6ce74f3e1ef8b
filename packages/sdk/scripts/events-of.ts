import { eventTypeLocations } from "../src/event-locations.ts";
import type { OpenApi, Schema } from "./types-of.ts";

const head =
  "// Written by packages/sdk/scripts/write-types.ts from packages/server/openapi.json; do not edit.\n";

/**
 * Writes the payload of each event type, contract by contract, from the `webhooks` of an OpenAPI document.
 *
 * A payload that names its type in no place of a known contract is refused, so that no event is guessed.
 */
export function eventsOf({ webhooks = {}, components = {} }: OpenApi): string {
  const schemas = components.schemas ?? {};
  const events = Object.entries(webhooks).map(([type, { post }]) => {
    const { $ref = "" } = post.requestBody.content["application/json"].schema;
    const name = $ref.slice($ref.lastIndexOf("/") + 1);
    return { type, name, contract: contractOf(type, schemas[name] ?? {}) };
  });
  const names = events.map(({ name }) => name).sort();
  const payloads = Object.keys(eventTypeLocations).map((contract) => {
    const own = events.filter((event) => event.contract === contract);
    return `${contract}: {\n${own.map(({ type, name }) => `${JSON.stringify(type)}: ${name};`).join("\n")}\n};`;
  });
  return [
    head,
    `import type { ${names.join(", ")} } from "./api.gen.ts";\n`,
    "/** What is posted for each event type, contract by contract. */",
    `export type EventPayloads = {\n${payloads.join("\n")}\n};\n`,
    "/** The contract of each event type. */",
    "export const contractOfEventType = {",
    ...events.map(({ type, contract }) => `${JSON.stringify(type)}: ${JSON.stringify(contract)},`),
    "} as const;\n",
  ].join("\n");
}

function contractOf(type: string, payload: Schema): string {
  const found = Object.entries(eventTypeLocations).find(([, place]) => {
    const named = place.reduce<Schema | undefined>((at, name) => at?.properties?.[name], payload);
    return named?.const === type;
  });
  if (found === undefined) throw new Error(`the payload of ${type} names its type nowhere`);
  return found[0];
}
