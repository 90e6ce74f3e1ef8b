import { textArray } from "./arrays.ts";
import type { Tx } from "./transaction.ts";

/** An enabled subscription that wants at least one of the given event types. */
export type WantingSubscription = {
  id: string;
  teamId: string;
  /** The contract whose events it gets. */
  contract: string;
  /** A program fetches its requests. */
  listener: boolean;
  /** It gets copies of this other subscription's events. */
  copyOf: string | null;
  /** The one subject whose events it gets; null: all of its team. */
  subjectId: string | null;
  eventTypes: string[];
  timeoutSeconds: number;
};

/** Lists the enabled subscriptions of these teams, without those of one subject, that want any of these event types. */
export async function listTeamSubscriptions(
  tx: Tx,
  teamIds: readonly string[],
  eventTypes: readonly string[],
): Promise<WantingSubscription[]> {
  return await tx("list_team_subscriptions")<WantingSubscription>`
    select id, team_id as "teamId", coalesce(tells, contract) as contract,
           tells is not null as listener, copy_of as "copyOf", subject_id as "subjectId",
           event_types as "eventTypes", timeout_seconds as "timeoutSeconds"
    from subscriptions
    where team_id = any(${textArray(teamIds)}::text[]) and subject_id is null
      and event_types && ${textArray(eventTypes)}::text[]
      and enabled and deleted_at is null
    order by id`;
}

/** Lists the enabled subscriptions of these subjects that want any of these event types. */
export async function listSubjectSubscriptions(
  tx: Tx,
  teamIds: readonly string[],
  subjectIds: readonly string[],
  eventTypes: readonly string[],
): Promise<WantingSubscription[]> {
  return await tx("list_subject_subscriptions")<WantingSubscription>`
    select id, team_id as "teamId", coalesce(tells, contract) as contract,
           tells is not null as listener, copy_of as "copyOf", subject_id as "subjectId",
           event_types as "eventTypes", timeout_seconds as "timeoutSeconds"
    from subscriptions
    where team_id = any(${textArray(teamIds)}::text[])
      and subject_id = any(${textArray(subjectIds)}::text[])
      and event_types && ${textArray(eventTypes)}::text[]
      and enabled and deleted_at is null
    order by id`;
}
