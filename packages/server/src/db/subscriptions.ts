import type { Listed } from "./lists.ts";
import type { Database } from "./pool.ts";
import type { Sql } from "./sql.ts";
import type { Tx } from "./transaction.ts";
import {
  byId,
  markedBy,
  readCountedWalk,
  stillToTell,
  type Walked,
  type WalkPage,
} from "./walks.ts";

/** The owner of subscriptions: a team and a contract. */
export type SubscriptionOwner = { teamId: string; contract: string };

/** Who disabled a subscription: a person, or the service because its receiver failed for too long. */
export type DisabledReason = "manual" | "failing";

/** Says why a subscription is disabled: only the service stores a reason, so without one it was a person. */
export const disabledReasonOf = (row: {
  enabled: boolean;
  disabled_reason: DisabledReason | null;
}): DisabledReason | null => (row.enabled ? null : (row.disabled_reason ?? "manual"));

export type Subscription = {
  id: string;
  name: string;
  url: string;
  eventTypes: string[];
  enabled: boolean;
  disabledReason: DisabledReason | null;
  timeoutSeconds: number;
  maxRetries: number;
  backoffSeconds: number;
  hasCredential: boolean;
  /** The names of the headers that the subscriber asked for; their values are sealed. */
  headerNames: string[];
  /** It is an operational webhook for all teams. */
  allTeams: boolean;
  createdAt: Date;
  updatedAt: Date;
};

type SubscriptionRow = {
  id: string;
  name: string;
  url: string;
  event_types: string[];
  enabled: boolean;
  disabled_reason: DisabledReason | null;
  timeout_seconds: number;
  max_retries: number;
  backoff_seconds: number;
  sealed_credential: Buffer | null;
  header_names: string[];
  all_teams: boolean;
  created_at: Date;
  updated_at: Date;
};

function toSubscription(row: SubscriptionRow): Subscription {
  return {
    id: row.id,
    name: row.name,
    url: row.url,
    eventTypes: row.event_types,
    enabled: row.enabled,
    disabledReason: disabledReasonOf(row),
    timeoutSeconds: row.timeout_seconds,
    maxRetries: row.max_retries,
    backoffSeconds: row.backoff_seconds,
    hasCredential: row.sealed_credential !== null,
    headerNames: row.header_names,
    allTeams: row.all_teams,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

/** Custom headers: one sealed JSON object of names and values, and the names in plain text. */
export type SealedHeaders = { sealed: Buffer | null; names: readonly string[] };

/** A new subscription, secrets sealed. */
export type NewSubscription = {
  id: string;
  name: string;
  url: string;
  eventTypes: readonly string[];
  enabled: boolean;
  timeoutSeconds: number;
  maxRetries: number;
  backoffSeconds: number;
  sealedCredential: Buffer | null;
  sealedHeaders: SealedHeaders;
  sealedSigningSecret: Buffer;
  allTeams?: boolean;
  actor: string;
};

/** Inserts a subscription; undefined when the id exists already, as on the repeat of a request. */
export async function insertSubscription(
  tx: Tx,
  owner: SubscriptionOwner,
  subscription: NewSubscription,
): Promise<Subscription | undefined> {
  const [row] = await tx<SubscriptionRow>`
    insert into subscriptions (team_id, id, contract, name, url, event_types, enabled,
      timeout_seconds, max_retries, backoff_seconds, sealed_credential, sealed_headers,
      header_names, sealed_signing_secret, all_teams, created_by, updated_by)
    values (${owner.teamId}, ${subscription.id}, ${owner.contract},
      ${subscription.name}, ${subscription.url}, ${subscription.eventTypes},
      ${subscription.enabled}, ${subscription.timeoutSeconds}, ${subscription.maxRetries},
      ${subscription.backoffSeconds}, ${subscription.sealedCredential},
      ${subscription.sealedHeaders.sealed}, ${subscription.sealedHeaders.names},
      ${subscription.sealedSigningSecret}, ${subscription.allTeams ?? false}, ${subscription.actor}, ${subscription.actor})
    on conflict (team_id, id) do nothing
    returning *`;
  return row && toSubscription(row);
}

/** Finds a subscription that is not deleted. */
export async function findSubscription(
  sql: Sql,
  owner: SubscriptionOwner,
  id: string,
): Promise<Subscription | undefined> {
  const [row] = await sql<SubscriptionRow>`
    select * from subscriptions
    where team_id = ${owner.teamId} and contract = ${owner.contract} and id = ${id}
      and deleted_at is null`;
  return row && toSubscription(row);
}

/** Finds a subscription and locks it against changes until the transaction ends. */
export async function holdSubscription(
  tx: Tx,
  owner: SubscriptionOwner,
  id: string,
): Promise<Subscription | undefined> {
  const [row] = await tx<SubscriptionRow>`
    select * from subscriptions
    where team_id = ${owner.teamId} and contract = ${owner.contract} and id = ${id}
      and deleted_at is null
    for share`;
  return row && toSubscription(row);
}

export type SubscriptionFilter = {
  /** Part of the name or the URL, case-insensitive. */
  search: string | null;
  enabled: boolean | null;
  eventType: string | null;
};

/** Lists subscriptions that are not deleted, newest first. */
export async function listSubscriptions(
  database: Database,
  owner: SubscriptionOwner,
  filter: SubscriptionFilter,
  page: WalkPage,
): Promise<Walked<Listed<Subscription>>> {
  // strpos, not LIKE: the search has no wildcards.
  const { rows, ...total } = await readCountedWalk<SubscriptionRow>(database, page, {
    page: (sql) => sql<SubscriptionRow>`
      select *, ${markedBy(byId)} from subscriptions
      where team_id = ${owner.teamId} and contract = ${owner.contract} and deleted_at is null
        and ${stillToTell(byId, page.after)}
        and (${filter.enabled}::boolean is null or enabled = ${filter.enabled})
        and (${filter.eventType}::text is null or ${filter.eventType} = any(event_types))
        and (${filter.search}::text is null
             or strpos(lower(name || E'\n' || url), lower(${filter.search})) > 0)
      order by id desc
      limit ${page.limit + 1} offset ${page.offset}`,
    count: (sql, limit) => sql`
      select count(*)::int as count from (
        select id from subscriptions
        where team_id = ${owner.teamId} and contract = ${owner.contract} and deleted_at is null
          and (${filter.enabled}::boolean is null or enabled = ${filter.enabled})
          and (${filter.eventType}::text is null or ${filter.eventType} = any(event_types))
          and (${filter.search}::text is null
               or strpos(lower(name || E'\n' || url), lower(${filter.search})) > 0)
        limit ${limit}
      ) matching`,
  });
  return { rows: rows.map(toSubscription), ...total };
}

/** Changes of a subscription; null leaves a field as it is. */
export type SubscriptionChanges = {
  name: string | null;
  url: string | null;
  eventTypes: readonly string[] | null;
  enabled: boolean | null;
  timeoutSeconds: number | null;
  maxRetries: number | null;
  backoffSeconds: number | null;
  sealedCredential: Buffer | null;
  clearCredential: boolean;
  /** All custom headers anew; without names they are removed. */
  sealedHeaders: SealedHeaders | null;
  allTeams?: boolean | null;
};

/** Changes a subscription; undefined when there is none. A change of `enabled` by a person removes the service's reason. */
export async function updateSubscription(
  tx: Tx,
  owner: SubscriptionOwner,
  id: string,
  changes: SubscriptionChanges & { actor: string },
): Promise<Subscription | undefined> {
  const [row] = await tx<SubscriptionRow>`
    update subscriptions
    set name = coalesce(${changes.name}, name),
        url = coalesce(${changes.url}, url),
        event_types = coalesce(${changes.eventTypes}, event_types),
        enabled = coalesce(${changes.enabled}, enabled),
        disabled_reason = case when ${changes.enabled}::boolean is null then disabled_reason end,
        switched_at = case when ${changes.enabled} <> enabled then now() else switched_at end,
        timeout_seconds = coalesce(${changes.timeoutSeconds}, timeout_seconds),
        max_retries = coalesce(${changes.maxRetries}, max_retries),
        backoff_seconds = coalesce(${changes.backoffSeconds}, backoff_seconds),
        sealed_credential = case when ${changes.clearCredential} then null
                                 else coalesce(${changes.sealedCredential}, sealed_credential) end,
        sealed_headers = case when ${changes.sealedHeaders !== null}
                              then ${changes.sealedHeaders?.sealed ?? null}
                              else sealed_headers end,
        header_names = coalesce(${changes.sealedHeaders?.names ?? null}, header_names),
        all_teams = coalesce(${changes.allTeams ?? null}, all_teams),
        updated_by = ${changes.actor},
        updated_at = now()
    where team_id = ${owner.teamId} and contract = ${owner.contract} and id = ${id}
      and deleted_at is null
    returning *`;
  return row && toSubscription(row);
}

/** Marks a subscription as deleted; false when there is none. Its history stays. */
export async function deleteSubscription(
  tx: Tx,
  owner: SubscriptionOwner,
  id: string,
  actor: string,
): Promise<boolean> {
  const rows = await tx`
    update subscriptions
    set deleted_at = now(), updated_at = now(), updated_by = ${actor}
    where team_id = ${owner.teamId} and contract = ${owner.contract} and id = ${id}
      and deleted_at is null
    returning id`;
  return rows.length === 1;
}
