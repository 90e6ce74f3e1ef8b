import type { FastifyInstance, FastifyRequest } from "fastify";
import Type from "typebox";
import { AppError } from "../../errors.ts";
import { bearerIn } from "../askers.ts";
import type { ApiDeps } from "../deps.ts";
import { openOwnApi } from "../own-api.ts";
import { ownOriginsOf } from "../own-pages.ts";

/**
 * MCP over streamable HTTP, for agents: one POST for each message, no sessions, no streams from the server.
 *
 * It is not an operation of the API; its tools call the API with the caller's own key.
 */
export function mcpRoutes(app: FastifyInstance, deps: ApiDeps): void {
  const ask = openOwnApi(app);
  app.post(
    "/mcp",
    {
      config: { scope: "read" },
      schema: { hide: true, body: Type.Object({}) },
      onRequest: async (request) => requireOwnOrigin(app, deps, request),
    },
    async (request, reply) => {
      const { caller, raw, body } = request;
      const apiKey = bearerIn(request);
      // The browser sends a session's cookie with any page's request, so a key is required.
      if (apiKey === undefined) {
        throw new AppError("unauthorized", "Send an API key as `Authorization: Bearer <key>`.");
      }
      const gone = new AbortController();
      reply.raw.once("close", () => gone.abort());
      return await deps.answerMcp({
        request: new Request(`http://postrider.internal${raw.url}`, {
          method: "POST",
          headers: headersOf(request),
          body: request.bodyBytes ? new Uint8Array(request.bodyBytes) : null,
          signal: gone.signal,
        }),
        body,
        apiKey,
        teamId: caller.teamId,
        scopes: caller.scopes,
        ask,
        onBug: (err) =>
          deps.log.error({ err, request_id: request.id }, "a tool of MCP failed unexpectedly"),
      });
    },
  );
}

/**
 * Refuses pages of other sites, as MCP requires of servers: with DNS rebinding, a page could make a browser send requests
 * here. Programs send no `Origin`.
 */
function requireOwnOrigin(
  app: FastifyInstance,
  { config }: ApiDeps,
  { headers: { origin } }: FastifyRequest,
): void {
  if (origin === undefined || ownOriginsOf(app, config).has(origin)) return;
  throw new AppError(
    "foreign_origin",
    "A request to /mcp that has an `Origin` is taken from this service's own pages alone. Programs send none.",
  );
}

function headersOf({ headers }: FastifyRequest): Headers {
  const told = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) told.set(name, String(value));
  }
  return told;
}
