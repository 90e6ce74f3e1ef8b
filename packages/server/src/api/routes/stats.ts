import type { FastifyInstance } from "fastify";
import Type from "typebox";
import { readStats, type StatsRow } from "../../db/rollups.ts";
import { quantile } from "../../domain/latencies.ts";
import { bucketsMax, bucketsOf, statsSteps } from "../../domain/stats.ts";
import { ContractName } from "../delivery-filter.ts";
import { Id, Instant, nullable, parseInstant, Timestamp, textOf } from "../fields.ts";
import { withinEndpoints } from "../portal.ts";
import type { TypeBox } from "../request.ts";
import { invalidRequest } from "../validation.ts";

const Count = Type.Integer({ minimum: 0 });
const Milliseconds = nullable(Type.Integer({ minimum: 0 }));

const Bucket = Type.Object(
  {
    at: Timestamp,
    delivered: Count,
    failed: Count,
    retried: Count,
    attempts: Count,
    p50_ms: Milliseconds,
    p95_ms: Milliseconds,
  },
  { title: "StatsBucket" },
);

/** Statistics of a team's deliveries over time. */
export function statsRoutes(fastify: FastifyInstance): void {
  fastify.withTypeProvider<TypeBox>().get(
    "/v1/stats",
    {
      config: { scope: "read" },
      schema: {
        operationId: "getStats",
        summary: "Counts deliveries and attempts over time",
        description: `Whole UTC buckets, including empty ones, oldest first: from the bucket of \`from\` to the last bucket before \`to\`; by default the last 24 hours. \`delivered\` and \`failed\` are deliveries that ended in the bucket, \`attempts\` requests that were made, \`retried\` those after which another was due. \`p50_ms\` and \`p95_ms\` are how long attempts took, to a fifth, and null without any. More than ${bucketsMax} buckets are a 422. Counts are kept for 400 days.`,
        tags: ["Statistics"],
        querystring: Type.Object(
          {
            from: Type.Optional(Instant),
            to: Type.Optional(Instant),
            step: Type.Optional(Type.Enum(statsSteps, { default: "hour" })),
            endpoint_id: Type.Optional(Id),
            contract: Type.Optional(ContractName),
            event_type: Type.Optional(textOf(64)),
          },
          { additionalProperties: false },
        ),
        response: { 200: Type.Object({ buckets: Type.Array(Bucket) }) },
      },
    },
    async ({ query, caller }) => {
      const span = {
        from: query.from === undefined ? null : parseInstant(query.from, ["query", "from"]),
        to: query.to === undefined ? null : parseInstant(query.to, ["query", "to"]),
      };
      const { step = "hour" } = query;
      return await caller.lists.begin(async (tx) => {
        const buckets = bucketsOf(span, step, await tx.now);
        if (buckets === "backwards") throw refused("from", "must be before `to`");
        if (buckets === "too_many") {
          throw refused(
            "step",
            `makes more than ${bucketsMax} buckets; ask for longer ones, or for less time`,
          );
        }
        const { beginnings, end } = buckets;
        const rows = await readStats(tx, caller.teamId, {
          from: beginnings[0] ?? end,
          to: end,
          step,
          subscriptionIds: withinEndpoints(
            caller,
            query.endpoint_id === undefined ? null : [query.endpoint_id],
          ),
          contract: query.contract ?? null,
          eventType: query.event_type ?? null,
        });
        const counted = new Map(rows.map((row) => [row.at.getTime(), row]));
        return { buckets: beginnings.map((at) => toBucket(at, counted.get(at.getTime()))) };
      });
    },
  );
}

const refused = (name: string, msg: string) =>
  invalidRequest([{ loc: ["query", name], msg, type: "maximum" }]);

const toBucket = (at: Date, row: StatsRow | undefined) => ({
  at: at.toISOString(),
  delivered: row?.delivered ?? 0,
  failed: row?.failed ?? 0,
  retried: row?.retried ?? 0,
  attempts: row?.attempts ?? 0,
  p50_ms: quantile(row?.latencies ?? [], 0.5),
  p95_ms: quantile(row?.latencies ?? [], 0.95),
});
