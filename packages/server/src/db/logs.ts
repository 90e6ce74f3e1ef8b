import { textArray } from "./arrays.ts";
import { newestIn, rangesOfKinds } from "./delivery-ranges.ts";
import { idBound } from "./delivery-ways.ts";
import { daysOf, type Listed, type Page, readList, withOneMore } from "./lists.ts";
import type { Database } from "./pool.ts";
import { allOf, part, type Sql, type SqlPart } from "./sql.ts";
import type { SubscriptionOwner } from "./subscriptions.ts";
import { timeOf, timeText, type Walked, type WalkPage, type WalkPosition } from "./walks.ts";

/** One attempt, as the subscriber sees it. */
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
  /** Set instead of `responseBody` if it is sealed. */
  sealedResponseBody: Buffer | null;
  errorMessage: string | null;
  latencyMs: number | null;
  willRetry: boolean;
  createdAt: Date;
};

/** Filter of attempts; null: all. */
export type LogFilter = {
  subscriptionId: string | null;
  eventType: string | null;
  /** Made at or after. */
  start: Date | null;
  /** Made before. */
  end: Date | null;
};

/**
 * Lists the attempts of a contract's subscriptions: the newest delivery's first, and the newest of a delivery first. A
 * page by its offset, or the next page of a walk.
 *
 * Attempts have no index besides their key, because every insert would pay for it. So first the deliveries whose attempts
 * are on the page are found, by their attempt counts, and then their attempts, by key. A walk gives attempts that were
 * made before it began: later attempts of older deliveries would be out of its order.
 */
export async function listLogs(
  database: Database,
  owner: SubscriptionOwner,
  filter: LogFilter,
  page: WalkPage,
): Promise<Walked<Listed<LogRow>>> {
  const ranges = await rangesOfKinds(database.sql, owner, filter);
  const all = attemptsOf(filter, undefined);
  const behind = attemptsOf(filter, page.after);
  const attempted = (limit: number | null, { deliveries, count }: SoughtAttempts) =>
    newestIn(owner.teamId, ranges, {
      columns: part`d.id, d.created_at, ${count} as attempts`,
      wanted: part`d.last_attempt_at is not null and ${deliveries}`,
      limit,
    });
  const wider = withOneMore(page);
  const start = page.after?.start ?? (await readNow(database.sql));
  const listed = await readList<LogRow>(database, {
    ...page,
    page: async (sql) => {
      // Each delivery has at least one attempt, so the number of attempts is enough.
      const reach = wider.offset + wider.limit;
      const newest = await sql<Attempted>`
        select d.id, d.created_at as "createdAt", d.attempts ${attempted(reach, behind)}
          and d.attempts > 0
        order by d.id desc
        limit ${reach}`;
      return await readLogs(sql, owner.teamId, onPage(newest, wider), behind, wider);
    },
    count: (sql, limit) => sql`
      select coalesce(sum(attempts), 0)::int as count from (
        select d.attempts ${attempted(null, all)} and d.attempts > 0 limit ${limit}
      ) matching`,
  });
  const last = listed.more ? listed.rows.at(-1) : undefined;
  const next = last ? { start, row: [last.deliveryId, String(last.number)] } : null;
  return { ...listed, next };
}

/** The beginning of a walk: the time by the database's clock, to the microsecond. */
async function readNow(sql: Sql): Promise<WalkPosition["start"]> {
  const [row] = await sql<{ at: string }>`select ${timeText(part`now()`)} as at`;
  if (!row) throw new Error("the database told no time");
  return ["", row.at];
}

/** The conditions for attempts `a` and for the deliveries `d` that can have them, and the number of attempts of one delivery. */
type SoughtAttempts = { attempts: SqlPart; deliveries: SqlPart; count: SqlPart };

function attemptsOf({ start, end }: LogFilter, after: WalkPosition | undefined): SoughtAttempts {
  const [id, number] = after?.row ?? [];
  const attempts = allOf([
    start !== null && part`a.created_at >= ${start}`,
    end !== null && part`a.created_at < ${end}`,
    after !== undefined &&
      part`(d.id, a.number) < (${id}, ${number}::int2) and a.created_at < ${timeOf(after.start[1])}`,
  ]);
  const isAll = start === null && end === null && after === undefined;
  return {
    attempts,
    deliveries: allOf([
      start !== null && part`d.last_attempt_at >= ${start}`,
      end !== null && part`d.id < ${idBound(end, 1)} and d.created_at < ${end}`,
      after !== undefined && part`d.id <= ${id}`,
    ]),
    count: isAll
      ? part`d.attempt_count - case when d.lease_token is null then 0 else 1 end`
      : part`(
          select count(*)::int from attempts a
          where a.team_id = d.team_id and a.delivery_id = d.id
            and a.delivery_created_at = d.created_at and ${attempts})`,
  };
}

/** A delivery with its number of attempts; an attempt in flight is not counted. */
type Attempted = { id: string; createdAt: Date; attempts: number };

/** The deliveries whose attempts are on the page, and how many attempts of the first one come before the page. */
function onPage(deliveries: readonly Attempted[], { offset, limit }: Page) {
  const shown: Attempted[] = [];
  let before = 0;
  let skipped = 0;
  for (const delivery of deliveries) {
    const after = before + delivery.attempts;
    if (after > offset && before < offset + limit) {
      if (shown.length === 0) skipped = offset - before;
      shown.push(delivery);
    }
    before = after;
  }
  return { shown, skipped: Math.max(0, skipped) };
}

async function readLogs(
  sql: Sql,
  teamId: string,
  { shown, skipped }: ReturnType<typeof onPage>,
  { attempts }: SoughtAttempts,
  { limit }: Page,
): Promise<LogRow[]> {
  const [from, to] = daysOf(shown);
  return await sql<LogRow>`
    select a.id, d.event_id as "eventId", d.subscription_id as "subscriptionId",
           d.event_type as "eventType", a.number, a.request_url as "requestUrl", a.success,
           a.status_code as "statusCode", a.response_body as "responseBody",
           a.sealed_response_body as "sealedResponseBody", d.id as "deliveryId",
           a.error_message as "errorMessage", a.latency_ms as "latencyMs",
           a.will_retry as "willRetry", a.created_at as "createdAt"
    from deliveries d
    join attempts a on a.team_id = d.team_id and a.delivery_id = d.id
      and a.delivery_created_at = d.created_at
      and a.delivery_created_at between ${from} and ${to}
    where d.team_id = ${teamId} and d.id = any(${textArray(shown.map(({ id }) => id))}::text[])
      and ${attempts}
    order by d.id desc, a.number desc
    limit ${limit} offset ${skipped}`;
}
