import type { Socket } from "node:net";
import { type FastifyInstance, fastify, LogController } from "fastify";
import { AppError, type ErrorCode } from "../errors.ts";
import { newId } from "../ids.ts";
import { authenticate } from "./auth.ts";
import { acceptOnlyJson, bodyBytesMax } from "./body.ts";
import type { ApiDeps } from "./deps.ts";
import { frameworkLog } from "./framework-log.ts";
import { keepHttpRules, safeHeaders } from "./http-rules.ts";
import { honourIdempotencyKeys } from "./idempotency.ts";
import { describeRoutes } from "./openapi.ts";
import { servePages } from "./pages.ts";
import { knowPaths } from "./paths.ts";
import { problemOf, problemType, sendProblem, toAppError } from "./problem.ts";
import type { Routes } from "./request.ts";
import { apiKeyRoutes } from "./routes/api-keys.ts";
import { assistantDeliveryRoutes } from "./routes/assistant-deliveries.ts";
import { assistantRoutes } from "./routes/assistants.ts";
import { auditRoutes } from "./routes/audit.ts";
import { callRoutes } from "./routes/calls.ts";
import { deliveryRoutes } from "./routes/deliveries.ts";
import { deliveryStreamRoutes } from "./routes/delivery-stream.ts";
import { endpointRoutes } from "./routes/endpoints.ts";
import { eventTypeRoutes } from "./routes/event-types.ts";
import { factRoutes } from "./routes/facts.ts";
import { healthRoutes } from "./routes/health.ts";
import { listenerRoutes } from "./routes/listeners.ts";
import { mcpRoutes } from "./routes/mcp.ts";
import { meRoutes } from "./routes/me.ts";
import { operationalWebhookEventRoutes } from "./routes/operational-webhook-events.ts";
import { operationalWebhookRoutes } from "./routes/operational-webhooks.ts";
import { organisationWebhookLogRoutes } from "./routes/organisation-webhook-logs.ts";
import { organisationWebhookRoutes } from "./routes/organisation-webhooks.ts";
import { portalLinkRoutes } from "./routes/portal-links.ts";
import { replayRoutes } from "./routes/replays.ts";
import { runRoutes } from "./routes/runs.ts";
import { sessionRoutes } from "./routes/sessions.ts";
import { signInRoutes } from "./routes/sign-in.ts";
import { statsRoutes } from "./routes/stats.ts";
import { stepRoutes } from "./routes/steps.ts";
import { teamRoutes } from "./routes/teams.ts";
import { workflowWebhookEventRoutes } from "./routes/workflow-webhook-events.ts";
import { workflowWebhookReplayRoutes } from "./routes/workflow-webhook-replays.ts";
import { workflowWebhookRoutes } from "./routes/workflow-webhooks.ts";
import { workflowRoutes } from "./routes/workflows.ts";
import { serveSite } from "./site.ts";
import { schemaController, useSchemas } from "./validation.ts";
import { watchRequests } from "./watch-requests.ts";

const allRoutes: readonly Routes[] = [
  healthRoutes,
  workflowWebhookRoutes,
  workflowWebhookEventRoutes,
  workflowWebhookReplayRoutes,
  workflowRoutes,
  runRoutes,
  assistantRoutes,
  assistantDeliveryRoutes,
  callRoutes,
  factRoutes,
  deliveryRoutes,
  deliveryStreamRoutes,
  endpointRoutes,
  listenerRoutes,
  replayRoutes,
  eventTypeRoutes,
  teamRoutes,
  apiKeyRoutes,
  sessionRoutes,
  signInRoutes,
  portalLinkRoutes,
  auditRoutes,
  statsRoutes,
  meRoutes,
  mcpRoutes,
  stepRoutes,
  organisationWebhookRoutes,
  operationalWebhookRoutes,
  operationalWebhookEventRoutes,
  organisationWebhookLogRoutes,
];

/** Opens the API without listening; `moreRoutes` are added to the service's own. */
export async function openApp(
  deps: ApiDeps,
  moreRoutes: readonly Routes[] = [],
): Promise<FastifyInstance> {
  const app: FastifyInstance = fastify({
    loggerInstance: frameworkLog(deps.log),
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => `req_${newId()}`,
    // X-Forwarded-* can be forged; nothing here depends on it.
    trustProxy: false,
    bodyLimit: bodyBytesMax,
    requestTimeout: 30_000,
    connectionTimeout: 90_000,
    // Longer than the 60 s of common load balancers, so that the load balancer closes first.
    keepAliveTimeout: 72_000,
    http: {
      maxHeaderSize: 16 * 1024,
      headersTimeout: 15_000,
      connectionsCheckingInterval: 2_000,
      requireHostHeader: false, // keepHttpRules() checks it, and answers with a reason.
    },
    routerOptions: { maxParamLength: 128 },
    schemaController,
    return503OnClosing: false,
    clientErrorHandler,
    frameworkErrors: (error, request, reply) =>
      sendProblem(request, reply.headers(safeHeaders), toAppError(error)),
  });

  app.decorateRequest("caller", null as never);
  app.decorateRequest("newId", () => newId());
  app.decorateRequest("factIdentity", undefined);
  app.decorateRequest("bodyMembers", null as never);
  app.decorateRequest("bodyBytes", undefined);
  app.setErrorHandler((thrown, request, reply) => {
    const error = toAppError(thrown);
    if (error.status >= 500 && error.status !== 503) {
      deps.log.error({ err: thrown, request_id: request.id }, "a request failed unexpectedly");
    } else if (error.code === "storage_unavailable") {
      deps.log.warn(
        { err: thrown, request_id: request.id },
        "a request failed: the database does not answer",
      );
    }
    // The framework would close while the client still sends, and the reset would destroy the answer before it arrives.
    if (error.code !== "shutting_down") reply.removeHeader("connection");
    sendProblem(request, reply, error);
  });

  // The order matters: each hook uses the results of earlier ones.
  watchRequests(app, deps);
  refuseWhenClosing(app);
  keepHttpRules(app);
  knowPaths(app);
  authenticate(app, deps);
  acceptOnlyJson(app);
  useSchemas(app);
  honourIdempotencyKeys(app, deps);
  describeRoutes(app, deps);

  servePages(app, deps);
  serveSite(app, deps);
  for (const routes of new Set([...allRoutes, ...moreRoutes])) routes(app, deps);
  await app.ready();
  return app;
}

/** Refuses requests on kept connections once the process stops, so that clients use another one. */
function refuseWhenClosing(app: FastifyInstance): void {
  let closing = false;
  app.addHook("preClose", async () => {
    closing = true;
  });
  app.addHook("onRequest", async (_request, reply) => {
    if (!closing) return;
    reply.header("connection", "close");
    throw new AppError("shutting_down");
  });
}

/** Answers invalid HTTP and incomplete requests with a problem too. */
function clientErrorHandler(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const refusal = new AppError(clientErrorCodes[error.code ?? ""] ?? "malformed_request");
  const requestId = `req_${newId()}`;
  const body = JSON.stringify(problemOf(refusal, requestId));
  const head = [
    `HTTP/1.1 ${refusal.status} Refused`,
    `content-type: ${problemType}`,
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${requestId}`,
    ...Object.entries(safeHeaders).map(([name, value]) => `${name}: ${value}`),
    "connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}

const clientErrorCodes: Record<string, ErrorCode> = {
  HPE_HEADER_OVERFLOW: "headers_too_large",
  ERR_HTTP_REQUEST_TIMEOUT: "request_timeout",
};
