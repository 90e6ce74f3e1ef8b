import { textArray } from "./arrays.ts";
import { type DeliverySearch, narrowed, wanted } from "./delivery-sought.ts";
import { findBelow } from "./delivery-subjects.ts";
import { type DeliverySummary, readSummaries } from "./delivery-summaries.ts";
import { allOf, part, type Sql, type SqlPart } from "./sql.ts";

/**
 * A part of a statement that notes which deliveries the statement makes or changes, for streams of changes. `changed`:
 * rows with `team_id` and `id`.
 */
export const tellingChanges = (changed: SqlPart): SqlPart => part`
  insert into delivery_changes (team_id, delivery_ids)
  select team_id, decode(string_agg(id, ''), 'hex') from ${changed} group by team_id`;

/** A snapshot of the database as its text, and when it was taken, in seconds since 1970. */
export type Seen = { snapshot: string; at: number };

/**
 * The position of a reader of changes: it has read all changes that `since` shows. While it reads the further changes of
 * a later snapshot, `until` is that snapshot, and `after` is the last transaction that it has read.
 */
export type ChangesPosition = { since: Seen; until: Seen | null; after: string | null };

/** The changes after a position, in the order of their transactions; `more`: further changes can be read now. */
export type ChangesPage = { deliveryIds: string[]; position: ChangesPosition; more: boolean };

/** Changes are kept for 20 minutes; a position that is older than this may have missed some. */
const positionSecondsMax = 15 * 60;
const rowsMax = 100;

/** The position of a reader that starts now. */
export async function readChangesStart(sql: Sql): Promise<ChangesPosition> {
  const [since] = await sql<Seen>`
    select pg_current_snapshot()::text as snapshot, extract(epoch from now())::float8 as at`;
  if (!since) throw new Error("the database told no snapshot");
  return { since, until: null, after: null };
}

/**
 * Reads the changes of a team's deliveries after a position; undefined when the position is too old, or of another
 * server: then some changes may be deleted already.
 *
 * A page ends at the end of a transaction, so that a transaction's number is a position to continue from.
 */
export async function readChanges(
  sql: Sql,
  teamId: string,
  { since, until, after }: ChangesPosition,
): Promise<ChangesPage | undefined> {
  const rows = await sql<Seen & { followed: boolean; xid: string | null; ids: string | null }>`
    select now_seen.snapshot::text as snapshot, extract(epoch from now())::float8 as at,
           extract(epoch from now()) - ${since.at}::float8 <= ${positionSecondsMax}
             and pg_snapshot_xmax(${since.snapshot}::pg_snapshot) <= pg_snapshot_xmax(now_seen.snapshot)
             as followed,
           change.changed_in::text as xid, encode(change.delivery_ids, 'hex') as ids
    from (select pg_current_snapshot() as snapshot) now_seen
    left join lateral (
      select changed_in, delivery_ids from delivery_changes
      where team_id = ${teamId} and ${unseenIn(part`${since.snapshot}::pg_snapshot`)}
        and ${allOf([
          until !== null &&
            part`pg_visible_in_snapshot(changed_in, ${until.snapshot}::pg_snapshot)`,
          after !== null && part`changed_in > ${after}::xid8`,
        ])}
      order by changed_in
      fetch first ${rowsMax} rows with ties
    ) change on true
    order by change.changed_in`;
  const [first] = rows;
  if (!first) throw new Error("the database told no snapshot");
  if (!first.followed) return undefined;
  const end = until ?? { snapshot: first.snapshot, at: first.at };
  const more = rows.length >= rowsMax;
  return {
    deliveryIds: lastMentions(rows.flatMap(({ ids }) => ids?.match(/.{24}/g) ?? [])),
    position: more
      ? { since, until: end, after: rows.at(-1)?.xid ?? null }
      : { since: end, until: null, after: null },
    more,
  };
}

/** The condition for changes whose transactions a snapshot does not show. */
const unseenIn = (snapshot: SqlPart): SqlPart => part`
  changed_in >= pg_snapshot_xmin(${snapshot}) and not pg_visible_in_snapshot(changed_in, ${snapshot})`;

/** Each id once, at its last place. */
const lastMentions = (ids: readonly string[]): string[] => [...new Set(ids.toReversed())].reverse();

/** A reader that waits for changes of a team's deliveries after a snapshot. */
export type Watcher = { teamId: string; snapshot: string };

/** Finds the watchers that have changes to read; returns their indexes in the list, from 0. */
export async function findWatchersWithChanges(
  sql: Sql,
  watchers: readonly Watcher[],
): Promise<number[]> {
  const rows = await sql<{ place: number }>`
    select (place - 1)::int as place
    from unnest(
      ${textArray(watchers.map(({ teamId }) => teamId))}::text[],
      ${textArray(watchers.map(({ snapshot }) => snapshot))}::text[])
      with ordinality as watcher (team, seen, place)
    where exists (
      select from delivery_changes
      where team_id = watcher.team and ${unseenIn(part`watcher.seen::pg_snapshot`)})`;
  return rows.map(({ place }) => place);
}

/** Reads the deliveries of a list that a search matches, in their present state and in the given order. */
export async function readChanged(
  sql: Sql,
  teamId: string,
  search: DeliverySearch,
  deliveryIds: readonly string[],
): Promise<DeliverySummary[]> {
  const below = search.subject && (await findBelow(sql, teamId, search.subject));
  const sought = narrowed(search, below);
  const found = await sql<{ id: string; createdAt: Date; eventId: string }>`
    select d.id, d.created_at as "createdAt", d.event_id as "eventId" from deliveries d
    where d.team_id = ${teamId} and d.id = any(${textArray(deliveryIds)}::text[])
      and ${wanted(sought)}`;
  const matching = found.filter(({ eventId }) => sought.eventIds?.includes(eventId) ?? true);
  if (matching.length === 0) return [];
  const rows = await readSummaries(sql, teamId, matching);
  const byId = new Map(rows.map((row) => [row.id, row]));
  return deliveryIds.flatMap((id) => byId.get(id) ?? []);
}

/** Deletes at most `limit` changes of any team that are older than 20 minutes; returns how many. */
export async function deleteOldChangesOfAllTeams(sql: Sql, limit: number): Promise<number> {
  const [row] = await sql<{ count: number }>`
    with gone as (
      delete from delivery_changes
      where ctid = any(array(
        select ctid from delivery_changes where changed_at < now() - interval '20 minutes' limit ${limit}))
      returning 1
    )
    select count(*)::int as count from gone`;
  return row?.count ?? 0;
}
