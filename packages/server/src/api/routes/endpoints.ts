// The same words for all contracts: an endpoint is a subscription or an assistant's server.
import type { FastifyInstance } from "fastify";
import Type from "typebox";
import { getEndpoint, switchEndpoint } from "../../actions/endpoints.ts";
import { type Endpoint, listEndpoints, pendingMax } from "../../db/endpoints.ts";
import { breakerOf, breakerStates } from "../../domain/breaker.ts";
import { healthOf, healthStates } from "../../domain/endpoint-health.ts";
import { quantile } from "../../domain/latencies.ts";
import { AppError } from "../../errors.ts";
import { nextCursorField } from "../cursor.ts";
import { anyOf, ContractName, sorted } from "../delivery-filter.ts";
import type { ApiDeps } from "../deps.ts";
import { nullable, PathId, Timestamp, textOf } from "../fields.ts";
import { askedByCursor, cursorOnlyQuery } from "../paging.ts";
import { maySee, withinContracts, withinEndpoints } from "../portal.ts";
import { acting, type Caller, type TypeBox } from "../request.ts";

const notYet = "Null: none yet.";
const EndpointContract = ContractName;

const Health = Type.Object(
  {
    state: Type.Enum([...healthStates]),
    since: Timestamp,
    last_success_at: nullable(Timestamp),
    last_failure_at: nullable(Timestamp),
    last_error_code: nullable(Type.String()),
    success_rate_1h: nullable(Type.Number({ minimum: 0, maximum: 1 })),
    p95_ms_1h: nullable(Type.Integer({ minimum: 0 })),
    pending: Type.Integer({ minimum: 0 }),
    pending_is_estimate: Type.Optional(
      Type.Literal(true, {
        description: "Only present if more deliveries wait than were counted.",
      }),
    ),
    oldest_due_at: nullable(Timestamp),
    breaker: Type.Enum([...breakerStates]),
    next_probe_at: nullable(Timestamp),
    last_failing: nullable(Type.Object({ from: Timestamp, to: Timestamp })),
  },
  { title: "EndpointHealth" },
);

const EndpointAnswer = Type.Object(
  {
    id: Type.String(),
    contract: EndpointContract,
    name: Type.String(),
    url: Type.String(),
    event_types: Type.Array(Type.String()),
    enabled: Type.Boolean(),
    disabled_reason: nullable(Type.Enum(["manual", "failing"])),
    filter: Type.Null({ description: notYet }),
    rate_limit_per_second: Type.Null({ description: notYet }),
    created_at: Timestamp,
    updated_at: Timestamp,
    health: Health,
  },
  { title: "Endpoint" },
);

const healthTold = `\`failing\`: at least 10 attempts of the last 10 minutes of which 90 % failed, or the last 3 deliveries used up their retries; until the first success. \`since\` is then the creation time of the first failed delivery: a replay from that time misses nothing. After the endpoint has recovered, \`last_failing\` keeps it. \`idle\`: no attempt in 24 hours. \`success_rate_1h\` and \`p95_ms_1h\` are of the attempts of the last hour, null without any. \`pending\` counts up to ${pendingMax.ofOne} deliveries of one endpoint, and up to ${pendingMax.inList} of each in a list; \`oldest_due_at\` is when the first of those that wait is or was due. While an endpoint fails its \`breaker\` is \`open\`: nothing is sent to it but one probe at a time, the oldest delivery that waits, not before \`next_probe_at\`, and what people ask for. The pauses grow from 1 to 60 seconds; the first success closes it. An assistant's server has no breaker: it is always \`closed\`.`;

const params = Type.Object({ endpoint_id: PathId });
const tags = ["Endpoints"];
const path = "/v1/endpoints";

/** Endpoints of all contracts: list, one with its health, enable and disable. */
export function endpointRoutes(fastify: FastifyInstance, deps: ApiDeps): void {
  const app = fastify.withTypeProvider<TypeBox>();

  app.get(
    path,
    {
      config: { scope: "read" },
      schema: {
        operationId: "listEndpoints",
        summary: "Lists the receivers of all contracts with their health, newest first",
        description: `\`search\` is part of the name or the URL. Repeat \`contract\` or \`state\` to ask for several. An assistant without a server URL is not an endpoint. ${healthTold}`,
        tags,
        querystring: Type.Object(
          {
            ...cursorOnlyQuery,
            contract: anyOf(EndpointContract),
            state: anyOf(Type.Enum([...healthStates])),
            search: Type.Optional(textOf(200)),
          },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object({ endpoints: Type.Array(EndpointAnswer), ...nextCursorField }),
        },
      },
    },
    async ({ query, caller }) => {
      const filter = {
        ids: withinEndpoints(caller, null),
        contracts: withinContracts(caller, sorted(query.contract)),
        states: sorted(query.state),
        search: query.search ?? null,
      };
      const list = { keyring: deps.keyring, caller, name: "endpoints", filter };
      const { page, told } = askedByCursor(list, query);
      const { rows, ...read } = await listEndpoints(caller.database, caller.teamId, filter, page);
      return { endpoints: rows.map(endpointAnswer), ...told(read) };
    },
  );

  app.get(
    `${path}/:endpoint_id`,
    {
      config: { scope: "read" },
      schema: {
        operationId: "getEndpoint",
        summary: "Gets a receiver of any contract with its health",
        description: healthTold,
        tags,
        params,
        response: { 200: EndpointAnswer },
      },
    },
    async ({ params, caller }) => endpointAnswer(await getShown(caller, params.endpoint_id)),
  );

  for (const [word, enabled] of [
    ["enable", true],
    ["disable", false],
  ] as const) {
    app.post(
      `${path}/:endpoint_id/${word}`,
      {
        config: { scope: "write" },
        schema: enabled
          ? {
              operationId: "enableEndpoint",
              summary: "Enables a receiver of any contract; its waiting deliveries continue",
              description:
                "Enabling an enabled receiver changes nothing. An assistant's server without `messages` is refused with 409 `endpoint_incomplete`.",
              tags,
              params,
              response: { 200: EndpointAnswer },
            }
          : {
              operationId: "disableEndpoint",
              summary: "Disables a receiver of any contract; its waiting deliveries are kept",
              description:
                "No new deliveries are recorded for it. Waiting deliveries continue after it is enabled, unless their payloads are past the retention. Disabling a disabled receiver changes only the reason, to `manual`.",
              tags,
              params,
              response: { 200: EndpointAnswer },
            },
      },
      async (request) => {
        const { params, caller } = request;
        await getShown(caller, params.endpoint_id);
        const audited = acting(deps, request, enabled ? "endpoint.enabled" : "endpoint.disabled");
        const { teamId, actorId: actor } = caller;
        return endpointAnswer(
          await switchEndpoint(audited, { teamId, id: params.endpoint_id, actor, enabled }),
        );
      },
    );
  }
}

/** Finds an endpoint that the caller may see; throws `not_found` for any other. */
async function getShown(caller: Caller, id: string): Promise<Endpoint> {
  const endpoint = await getEndpoint(caller.database.sql, caller.teamId, id);
  if (!maySee(caller, endpoint.contract)) throw new AppError("not_found");
  return endpoint;
}

const timeOrNull = (time: Date | null) => time?.toISOString() ?? null;

function endpointAnswer(endpoint: Endpoint) {
  const { history, attempts, delivered } = endpoint;
  const { state, since, lastFailing } = healthOf(history);
  const breaker = breakerOf({ ...endpoint, enabled: history.enabled });
  return {
    id: endpoint.id,
    contract: endpoint.contract,
    name: endpoint.name,
    url: endpoint.url,
    event_types: endpoint.eventTypes,
    enabled: history.enabled,
    disabled_reason: endpoint.disabledReason,
    filter: null,
    rate_limit_per_second: null,
    created_at: history.createdAt.toISOString(),
    updated_at: endpoint.updatedAt.toISOString(),
    health: {
      state,
      since: since.toISOString(),
      last_success_at: timeOrNull(history.lastSuccessAt),
      last_failure_at: timeOrNull(history.lastFailureAt),
      last_error_code: endpoint.lastErrorCode,
      success_rate_1h: attempts === 0 ? null : delivered / attempts,
      p95_ms_1h: quantile(endpoint.latencies, 0.95),
      pending: endpoint.pending,
      ...(endpoint.morePending ? { pending_is_estimate: true as const } : {}),
      oldest_due_at: timeOrNull(endpoint.oldestDueAt),
      breaker: breaker.state,
      next_probe_at: timeOrNull(breaker.nextProbeAt),
      last_failing: lastFailing && {
        from: lastFailing.from.toISOString(),
        to: lastFailing.to.toISOString(),
      },
    },
  };
}
