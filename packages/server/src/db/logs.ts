import { type Listed, type Page, readList } from "./lists.ts";
import type { Database } from "./sql.ts";
import type { SubscriptionOwner } from "./subscriptions.ts";

/** One attempt, for the subscriber to read. */
export type LogRow = {
  id: string;
  deliveryId: string;
  eventId: string;
  subscriptionId: string;
  eventType: string;
  number: number;
  requestUrl: string;
  success: boolean;
  statusCode: number | null;
  responseBody: string | null;
  /** Set in place of `responseBody` where it is sealed. */
  sealedResponseBody: Buffer | null;
  errorMessage: string | null;
  latencyMs: number | null;
  willRetry: boolean;
  createdAt: Date;
};

/** Which attempts to list; null asks for all. */
export type LogFilter = { subscriptionId: string | null; eventType: string | null };

/**
 * Lists the attempts of a contract's subscriptions, the newest delivery's first, and within a delivery the newest first.
 *
 * Attempts carry no index but their key, which every insert would pay for. So each subscription's newest deliveries are
 * read backwards from `deliveries_by_subscription` and merged; only then are their attempts found, by key. As many
 * deliveries as the page reaches are enough: each that was attempted has an attempt.
 */
export async function listLogs(
  database: Database,
  { teamId, contract }: SubscriptionOwner,
  { subscriptionId, eventType }: LogFilter,
  page: Page,
): Promise<Listed<LogRow>> {
  const reach = page.offset + page.limit;
  return await readList<LogRow>(database, {
    // The team is asked of the subscription alone: asked of its deliveries, the planner would walk all of the team's.
    page: (sql) => sql<LogRow>`
      with newest as (
        select d.*
        from subscriptions s
        cross join lateral (
          select id, created_at, event_id, subscription_id, event_type
          from deliveries
          where subscription_id = s.id and last_attempt_at is not null
            and (${eventType}::text is null or event_type = ${eventType})
          order by id desc
          limit ${reach}
        ) d
        where s.team_id = ${teamId} and s.contract = ${contract}
          and (${subscriptionId}::text is null or s.id = ${subscriptionId})
        order by d.id desc
        limit ${reach}
      )
      select a.id, d.event_id as "eventId", d.subscription_id as "subscriptionId",
             d.event_type as "eventType", a.number, a.request_url as "requestUrl", a.success,
             a.status_code as "statusCode", a.response_body as "responseBody",
             a.sealed_response_body as "sealedResponseBody", d.id as "deliveryId",
             a.error_message as "errorMessage", a.latency_ms as "latencyMs",
             a.will_retry as "willRetry", a.created_at as "createdAt"
      from newest d
      join attempts a on a.delivery_id = d.id and a.delivery_created_at = d.created_at
      order by d.id desc, a.number desc
      limit ${page.limit} offset ${page.offset}`,
    // A delivery knows how many attempts it has: one in flight is not there yet.
    count: (sql, limit) => sql`
      select coalesce(sum(attempts), 0)::int as count from (
        select d.attempt_count - case when d.lease_token is null then 0 else 1 end as attempts
        from subscriptions s
        join deliveries d on d.subscription_id = s.id
        where s.team_id = ${teamId} and s.contract = ${contract}
          and (${subscriptionId}::text is null or s.id = ${subscriptionId})
          and d.last_attempt_at is not null
          and (${eventType}::text is null or d.event_type = ${eventType})
        limit ${limit}
      ) matching`,
  });
}
