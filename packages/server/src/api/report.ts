import type { FastifyRequest } from "fastify";
import type { FactIdentity } from "../domain/facts.ts";
import type { TraceContext } from "../domain/trace-context.ts";
import { parseInstant } from "./fields.ts";

/** Who reports a fact, and when it happened if the body says so. */
export function reportOf(
  { caller }: Pick<FastifyRequest, "caller">,
  { occurred_at }: { occurred_at?: string } = {},
): {
  teamId: string;
  actor: string;
  trace: TraceContext | undefined;
  occurredAt: Date | undefined;
} {
  return {
    teamId: caller.teamId,
    actor: caller.actorId,
    trace: caller.trace,
    occurredAt:
      occurred_at === undefined ? undefined : parseInstant(occurred_at, ["body", "occurred_at"]),
  };
}

/** The identity of the only fact of a request: from its Idempotency-Key, if it has one. */
export const identityOf = ({
  factIdentity,
  bodyMembers,
}: Pick<FastifyRequest, "factIdentity" | "bodyMembers">): FactIdentity | undefined =>
  factIdentity === undefined
    ? undefined
    : { name: factIdentity, content: bodyMembers, within: "body" };
