import { z } from "zod";
import { cut } from "./cuts.ts";
import { defineTool, ToolRefusal } from "./tool.ts";

const sampleCharactersMax = 12_000;

/** Lists event types, or shows one with its sample and schema. */
export const listEventTypes = defineTool({
  name: "list_event_types",
  title: "List event types",
  description:
    "Lists the event types of all contracts: when each is sent, and how large a body can be. With `type` it shows that one with a sample body and the JSON Schema of it.",
  input: z.strictObject({ type: z.string().max(100).optional() }),
  async run({ type }, { client, signal }) {
    const all = [];
    for await (const one of client.eventTypes.each({}, { signal })) all.push(one);
    if (type === undefined) {
      return { event_types: all.map(({ schema: _, sample: __, ...told }) => told) };
    }
    const found = all.find((one) => one.type === type);
    if (!found) {
      throw new ToolRefusal(
        `There is no event type "${type}". There are ${all.map((one) => one.type).join(", ")}.`,
      );
    }
    const { schema, sample, ...told } = found;
    return {
      ...told,
      sample: cut(JSON.stringify(sample, null, 1), sampleCharactersMax),
      schema: cut(JSON.stringify(schema), sampleCharactersMax),
    };
  },
});
