import type { ReplayedKind, ReplayState } from "../domain/replay.ts";
import type { PageOfRows } from "./lists.ts";
import type { Database } from "./pool.ts";
import type { ReplaySearch } from "./replay-search.ts";
import { part, type Sql } from "./sql.ts";
import type { Tx } from "./transaction.ts";
import { byId, markedBy, readWalk, stillToTell, type Walked, type WalkPage } from "./walks.ts";

/** A replay as callers see it. */
export type Replay = {
  id: string;
  state: ReplayState;
  search: ReplaySearch;
  which: ReplayedKind;
  ratePerSecond: number;
  /** Matching deliveries; null until they are counted. */
  matching: number | null;
  /** Deliveries made due; of them `delivered` and `failed` have ended. */
  replayed: number;
  /** Deliveries that were skipped because they could not be retried. */
  skipped: number;
  delivered: number;
  failed: number;
  createdAt: Date;
  createdBy: string;
  startedAt: Date | null;
  finishedAt: Date | null;
};

/** A replay as it is stored: the times of its search are text. */
type StoredReplay = Omit<Replay, "search"> & { contract: string | null; filter: object };

const shown = part`id, state, contract, filter, which, rate_per_second as "ratePerSecond", matching,
  replayed, skipped, delivered, failed, created_at as "createdAt", created_by as "createdBy",
  started_at as "startedAt", finished_at as "finishedAt"`;

/** A replay to insert. */
export type NewReplay = Pick<Replay, "id" | "search" | "which" | "ratePerSecond"> & {
  teamId: string;
  actor: string;
};

/** Inserts a replay, due now; false when the id exists already. */
export async function insertReplay(tx: Tx, replay: NewReplay): Promise<boolean> {
  const { contract, filter } = storedSearch(replay.search);
  const inserted = await tx`
    insert into replays (team_id, id, created_by, contract, filter, which, rate_per_second)
    values (${replay.teamId}, ${replay.id}, ${replay.actor}, ${contract}, ${filter}::jsonb,
      ${replay.which}, ${replay.ratePerSecond})
    on conflict (team_id, id) do nothing
    returning id`;
  return inserted.length > 0;
}

/** Counts a team's replays that have not ended. The caller holds the team's lock. */
export async function countOpenReplays(tx: Tx, teamId: string): Promise<number> {
  const [row] = await tx<{ count: number }>`
    select count(*)::int as count from replays
    where team_id = ${teamId} and state in ('queued', 'running')`;
  return row?.count ?? 0;
}

/** Finds a replay. */
export async function findReplay(
  sql: Sql,
  teamId: string,
  id: string,
): Promise<Replay | undefined> {
  const [row] = await sql<StoredReplay>`
    select ${shown} from replays where team_id = ${teamId} and id = ${id}`;
  return row && toReplay(row);
}

/** Lists a team's replays, newest first: all, or those that have only these endpoints. */
export async function listReplays(
  database: Database,
  teamId: string,
  subscriptionIds: readonly string[] | null,
  walk: WalkPage,
): Promise<Walked<PageOfRows<Replay>>> {
  const only = subscriptionIds && JSON.stringify(subscriptionIds);
  const { rows, ...read } = await readWalk(
    database,
    walk,
    (sql) => sql<StoredReplay>`
      select ${shown}, ${markedBy(byId)}
      from replays
      where team_id = ${teamId} and ${stillToTell(byId, walk.after)}
        and (${only}::jsonb is null or filter -> 'subscriptionIds' <@ ${only}::jsonb)
      order by id desc
      limit ${walk.limit + 1}`,
  );
  return { ...read, rows: rows.map(toReplay) };
}

/**
 * Ends a replay that has not ended: it makes no more deliveries due. Due deliveries are still sent and counted.
 *
 * Waits for a step in progress. Returns whether the replay was ended.
 */
export async function cancelReplay(tx: Tx, teamId: string, id: string): Promise<boolean> {
  const cancelled = await tx`
    update replays set state = 'cancelled', finished_at = now(), position = null, due_at = now()
    where team_id = ${teamId} and id = ${id} and state in ('queued', 'running')
    returning id`;
  await tx`
    delete from replayed_deliveries
    where team_id = ${teamId} and replay_id = ${id} and state = 'held'`;
  return cancelled.length > 0;
}

/** A replay whose next step is due soon. */
export type DueReplay = { teamId: string; id: string; dueInMs: number };

/** Lists replays of all teams with a next step, the earliest first. */
export async function listDueReplaysOfAllTeams(sql: Sql, limit: number): Promise<DueReplay[]> {
  return await sql("list_due_replays")<DueReplay>`
    select team_id as "teamId", id, (extract(epoch from due_at - now()) * 1000)::float8 as "dueInMs"
    from replays where due_at is not null
    order by due_at
    limit ${limit}`;
}

/** A replay that is locked for a step. */
export type LockedReplay = Pick<
  Replay,
  "id" | "state" | "search" | "which" | "ratePerSecond" | "matching" | "createdBy" | "createdAt"
> & {
  /** The last delivery that was read; null when none is left. */
  position: string | null;
  /** What was committed when the replay was requested. */
  start: [snapshot: string, tenMinutesBefore: string];
  waitingPosition: string;
  /** How many deliveries its rate allows now, at most those of one second. */
  allowance: number;
};

/** Locks a replay whose step is due; undefined when another process works on it or has done the step. */
export async function lockDueReplay(
  tx: Tx,
  teamId: string,
  id: string,
): Promise<LockedReplay | undefined> {
  const [row] = await tx<StoredReplay & Omit<LockedReplay, "search">>`
    select ${shown}, position, array[snapshot, ten_minutes_before] as start,
           waiting_position as "waitingPosition",
           floor(extract(epoch from now() - greatest(paced_at, now() - interval '1 second'))
             * rate_per_second)::int as allowance
    from replays
    where team_id = ${teamId} and id = ${id} and due_at <= now()
    for no key update skip locked`;
  return row && { ...row, search: searchIn(row) };
}

/** The result of a step. */
export type Step = {
  /** Where the next step continues; null: no deliveries are left to read. */
  position: string | null;
  waitingPosition: string;
  /** Deliveries counted in this step; `isCounted`: the count is complete. */
  counted: number;
  isCounted: boolean;
  replayed: number;
  skipped: number;
  delivered: number;
  failed: number;
  /** Milliseconds until the next step; null: the replay is done. */
  nextMs: number | null;
};

/** Stores the result of a step. The caller holds the replay's lock. */
export async function saveStep(tx: Tx, teamId: string, id: string, step: Step): Promise<void> {
  const isLast = step.nextMs === null;
  await tx`
    update replays
    set state = case when state = 'cancelled' then state when ${isLast} then 'done' else 'running' end,
        started_at = coalesce(started_at, now()),
        finished_at = case when ${isLast} then coalesce(finished_at, now()) else finished_at end,
        position = ${step.position},
        waiting_position = ${step.waitingPosition},
        counted = counted + ${step.counted},
        matching = case when ${step.isCounted} then counted + ${step.counted} else matching end,
        replayed = replayed + ${step.replayed},
        skipped = skipped + ${step.skipped},
        delivered = delivered + ${step.delivered},
        failed = failed + ${step.failed},
        paced_at = greatest(paced_at, now() - interval '1 second')
          + ${step.replayed}::int * interval '1 second' / rate_per_second,
        due_at = now() + ${step.nextMs}::int * interval '1 millisecond'
    where team_id = ${teamId} and id = ${id}`;
}

/** Deletes at most `limit` ended replays of any team that were requested 30 days ago or earlier; returns how many. */
export async function deleteOldReplaysOfAllTeams(sql: Sql, limit: number): Promise<number> {
  const rows = await sql`
    delete from replays
    where (team_id, id) in (
      select team_id, id from replays
      where created_at < now() - interval '30 days' and due_at is null
      order by created_at
      limit ${limit})
    returning id`;
  return rows.length;
}

const storedSearch = (search: ReplaySearch) => {
  const [contract, filter] =
    "events" in search ? ["workflow", search.events] : [null, search.deliveries];
  return { contract, filter: JSON.stringify(filter) };
};

const toReplay = (row: StoredReplay): Replay => {
  const { contract: _, filter: __, ...replay } = row;
  return { ...replay, search: searchIn(row) };
};

function searchIn({ contract, filter }: Pick<StoredReplay, "contract" | "filter">): ReplaySearch {
  const revived = JSON.parse(JSON.stringify(filter), (name, value) =>
    timesOfFilters.has(name) && typeof value === "string" ? new Date(value) : value,
  );
  return contract === null ? { deliveries: revived } : { events: revived };
}

const timesOfFilters: ReadonlySet<string> = new Set(["from", "to", "start", "end"]);
