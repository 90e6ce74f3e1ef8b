import { callEventIds, runEventIds, stepEventIds } from "../domain/event-ids.ts";
import { textArray } from "./arrays.ts";
import type { Sql } from "./sql.ts";

/** The subject of deliveries, as callers name it. */
export type Subject =
  /** A workflow, a run or an assistant. */
  { id: string } | { callId: string } | { runId: string; stepId: string };

/** How to find the deliveries of a subject and of everything below it. */
export type BelowSubject =
  | { eventIds: string[] }
  | { subscriptionId: string }
  /** `ofRuns`: the events of the workflow's runs; null: too many to list. */
  | { workflowId: string; ofRuns: string[] | null };

/**
 * Resolves how to find the deliveries of a subject; an unknown subject has none.
 *
 * Events have no index by run, step or call: the events' ids are computed from the subjects' ids.
 */
export async function findBelow(sql: Sql, teamId: string, subject: Subject): Promise<BelowSubject> {
  if ("callId" in subject) {
    const { callId } = subject;
    const [call] = await sql<{ position: number }>`
      select position from calls where team_id = ${teamId} and id = ${callId}`;
    return { eventIds: callEventIds(teamId, callId, call?.position ?? 0) };
  }
  if ("stepId" in subject) {
    const { runId, stepId: id } = subject;
    const [step] = await sql<{ attempt: number }>`
      select attempt from steps where team_id = ${teamId} and run_id = ${runId} and id = ${id}`;
    const told = { id, attempt: step?.attempt ?? 1 };
    return { eventIds: [...stepEventIds(teamId, runId, told)] };
  }
  const { id } = subject;
  const [found] = await sql<Record<"workflow" | "assistant", boolean>>`
    select
      exists (select from workflows where team_id = ${teamId} and id = ${id}) as workflow,
      exists (select from assistants where team_id = ${teamId} and id = ${id}) as assistant`;
  if (found?.workflow) return { workflowId: id, ofRuns: await listEventsOfRuns(sql, teamId, id) };
  // An assistant's server is a subscription with the assistant's id.
  if (found?.assistant) return { subscriptionId: id };
  const steps = await sql<{ id: string; attempt: number }>`
    select id, attempt from steps where team_id = ${teamId} and run_id = ${id}`;
  return { eventIds: [...runEventIds(teamId, id, steps)] };
}

/** The most runs and steps of a workflow whose events are listed one by one. */
const runsMax = 200;
const stepsMax = 2_000;

async function listEventsOfRuns(
  sql: Sql,
  teamId: string,
  workflowId: string,
): Promise<string[] | null> {
  const runs = await sql<{ id: string }>`
    select id from runs where team_id = ${teamId} and workflow_id = ${workflowId}
    limit ${runsMax + 1}`;
  if (runs.length > runsMax) return null;
  const ids = runs.map(({ id }) => id);
  const steps = await sql<{ runId: string; id: string; attempt: number }>`
    select run_id as "runId", id, attempt from steps
    where team_id = ${teamId} and run_id = any(${textArray(ids)}::text[])
    limit ${stepsMax + 1}`;
  if (steps.length > stepsMax) return null;
  return [
    ...ids.flatMap((id) => [...runEventIds(teamId, id, [])]),
    ...steps.flatMap(({ runId, ...step }) => [...stepEventIds(teamId, runId, step)]),
  ];
}
