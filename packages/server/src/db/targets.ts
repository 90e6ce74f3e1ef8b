import { textArray } from "./arrays.ts";
import type { Sql } from "./sql.ts";

/** The values of a subscription that its attempts need, secrets still sealed. */
export type TargetRow = {
  subscriptionId: string;
  teamId: string;
  contract: string;
  /** Of a listener: the contract whose events it gets. */
  tells: string | null;
  url: string;
  /** False while disabled or deleted: nothing is sent. */
  active: boolean;
  timeoutSeconds: number;
  maxRetries: number;
  backoffSeconds: number;
  sealedCredential: Buffer | null;
  /** The headers the subscriber asked for. */
  sealedHeaders: Buffer | null;
  sealedSigningSecret: Buffer;
  /** Set only while the old secret is still valid after a rotation. */
  sealedPreviousSecret: Buffer | null;
};

/** Reads the targets of these subscriptions of any team. */
export async function listTargetsOfAllTeams(
  sql: Sql,
  subscriptionIds: readonly string[],
): Promise<TargetRow[]> {
  return await sql("list_targets")<TargetRow>`
    select id as "subscriptionId", team_id as "teamId", contract, tells, url,
           enabled and deleted_at is null as active,
           timeout_seconds as "timeoutSeconds", max_retries as "maxRetries",
           backoff_seconds as "backoffSeconds",
           sealed_credential as "sealedCredential",
           sealed_headers as "sealedHeaders",
           sealed_signing_secret as "sealedSigningSecret",
           case when previous_secret_expires_at > now() then sealed_previous_secret end
             as "sealedPreviousSecret"
    from subscriptions
    where id = any(${textArray(subscriptionIds)}::text[])`;
}
