import type { Sql } from "./sql.ts";

/** A time limit that ends soon: a silence becomes a hang, a call's report is made, or a run reaches its deadline. */
export type Timer = {
  kind: "hang" | "call_report" | "run_deadline";
  teamId: string;
  id: string;
  /** Milliseconds until it is due; 0 or less: it is. */
  dueInMs: number;
};

/** Lists the timers of all teams that end within this time, up to `limit` of each kind, the earliest first. */
export async function listTimersOfAllTeams(
  sql: Sql,
  withinMs: number,
  limit: number,
): Promise<Timer[]> {
  return await sql("list_timers")<Timer>`
    with soon as (select now() + ${withinMs} * interval '1 millisecond' as at)
    (select 'hang' as kind, team_id as "teamId", id,
            (extract(epoch from hang_due_at - now()) * 1000)::float8 as "dueInMs"
     from calls
     where hang_due_at <= (select at from soon)
     order by hang_due_at
     limit ${limit})
    union all
    (select 'call_report', team_id, id,
            (extract(epoch from report_due_at - now()) * 1000)::float8
     from calls
     where report_due_at <= (select at from soon)
     order by report_due_at
     limit ${limit})
    union all
    (select 'run_deadline', team_id, id, (extract(epoch from deadline_at - now()) * 1000)::float8
     from runs
     where completed_at is null and deadline_at <= (select at from soon)
     order by deadline_at
     limit ${limit})`;
}
