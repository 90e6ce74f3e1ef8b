import type { Endpoint } from "@postrider/sdk";
import { z } from "zod";
import { listMeantEndpoints } from "./meant-endpoints.ts";
import { type ToolContext, ToolRefusal } from "./tool.ts";

/** The input of tools that names an endpoint. */
export const endpointInput = z
  .string()
  .min(1)
  .max(200)
  .describe("An endpoint: its id (24 hex digits), its name, or a part of its name or URL.");

const shownMax = 10;

/**
 * Finds an endpoint by its id, its name, its URL, or a part of these.
 *
 * It never guesses: if several match, it refuses with their names and ids.
 */
export async function findEndpoint(
  { client, signal }: ToolContext,
  meant: string,
): Promise<Endpoint> {
  const fitting = await listMeantEndpoints(client, meant, { signal });
  const [found] = fitting;
  if (!found) {
    throw new ToolRefusal(
      `No endpoint has the id "${meant}", or "${meant}" in its name or URL. get_endpoint without an endpoint lists those that there are.`,
    );
  }
  if (fitting.length === 1) return found;
  const named = fitting.slice(0, shownMax).map(({ id, name, url }) => `${id} (${name}, ${url})`);
  const more = fitting.length > shownMax ? " and others" : "";
  throw new ToolRefusal(
    `"${meant}" fits several endpoints: ${named.join("; ")}${more}. Name one by its id.`,
  );
}

/** The short form of an endpoint, for answers about something else. */
export const shortEndpoint = ({ id, name, url, contract, enabled, health }: Endpoint) => ({
  id,
  name,
  url,
  contract,
  enabled,
  state: health.state,
});
