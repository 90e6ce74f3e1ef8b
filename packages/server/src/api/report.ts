import type { FastifyRequest } from "fastify";
import { parseInstant } from "./fields.ts";

/** Who reports a fact, and when it happened if the body says so. */
export function reportOf(
  { caller }: Pick<FastifyRequest, "caller">,
  { occurred_at }: { occurred_at?: string } = {},
): { teamId: string; actor: string; occurredAt: Date | undefined } {
  return {
    teamId: caller.teamId,
    actor: caller.apiKeyId,
    occurredAt:
      occurred_at === undefined ? undefined : parseInstant(occurred_at, ["body", "occurred_at"]),
  };
}
