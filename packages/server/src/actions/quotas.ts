import {
  countApiKeys,
  countAssistants,
  countTeamsOfKeyOfAnyTeam,
  countWebhooks,
  lockKeyForCounting,
  lockTeamsForCounting,
} from "../db/quotas.ts";
import type { Sql } from "../db/sql.ts";
import type { Tx } from "../db/transaction.ts";
import { AppError } from "../errors.ts";

/** The most objects of each kind at once. */
export type Quotas = {
  /** Webhooks of a team, of contracts A and B together. */
  webhooks: number;
  /** Assistants of a team. */
  assistants: number;
  /** API keys that reach a team. */
  apiKeys: number;
  /** Teams that an API key reaches. */
  teams: number;
};

/**
 * Throws `quota_exceeded` when a team has more of a kind than allowed, including those that this transaction added.
 *
 * Call it after the insert: then a repeat that adds nothing is never refused, and of two concurrent inserts the second
 * waits for the first and counts it.
 */
export async function keepQuota(
  tx: Tx,
  quotas: Quotas,
  kind: "webhooks" | "assistants" | "apiKeys",
  teamIds: readonly string[],
): Promise<void> {
  const { count, name } = kinds[kind];
  await lockTeamsForCounting(tx, teamIds);
  for (const teamId of teamIds) {
    if ((await count(tx, teamId)) > quotas[kind]) throw exceeded("A team", quotas[kind], name);
  }
}

/**
 * Throws `quota_exceeded` when a key reaches the most teams already; `tx` is about to add one more.
 *
 * `keys` sees all committed teams of the key; the transaction sees only the teams that it was opened for.
 */
export async function keepQuotaOfTeams(
  tx: Tx,
  keys: Sql,
  quotas: Quotas,
  apiKeyId: string,
): Promise<void> {
  await lockKeyForCounting(tx, apiKeyId);
  if ((await countTeamsOfKeyOfAnyTeam(keys, apiKeyId)) >= quotas.teams) {
    throw exceeded("An API key", quotas.teams, "teams");
  }
}

const kinds = {
  webhooks: { count: countWebhooks, name: "webhooks" },
  assistants: { count: countAssistants, name: "assistants" },
  apiKeys: { count: countApiKeys, name: "API keys" },
};

const exceeded = (whose: string, max: number, name: string): AppError =>
  new AppError(
    "quota_exceeded",
    `${whose} may have at most ${max} ${name}. Delete some, or ask the operator for a higher limit.`,
  );
