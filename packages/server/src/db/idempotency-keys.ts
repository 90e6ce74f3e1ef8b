import type { Sql } from "./sql.ts";

/** The result of claiming an Idempotency-Key. */
export type IdempotencyClaim =
  /**
   * This request must be answered by the caller; `token` proves the claim, `createdAtSeconds` is the time of the first
   * request.
   */
  | { kind: "claimed"; token: string; createdAtSeconds: number }
  | { kind: "in_flight" }
  | { kind: "reused" }
  | { kind: "answered"; statusCode: number; sealedResponse: Buffer };

/** Seconds for which a request counts as in progress; then a repeat may take over. */
const inFlightSeconds = 60;
/** Seconds for which a key is kept: 24 hours. */
const rememberedSeconds = 86_400;

/**
 * Claims a key for one request, or returns the state of the earlier request.
 *
 * A first request that crashed or ended in a 5xx is taken over with its `created_at`, so that the same ids are derived
 * again. A key that is older than 24 hours starts again.
 */
export async function claimIdempotencyKey(
  sql: Sql,
  teamId: string,
  key: string,
  fingerprint: Buffer,
): Promise<IdempotencyClaim> {
  const [claimed] = await sql("claim_idempotency_key")<{ token: string; createdAtSeconds: number }>`
    insert into idempotency_keys as known (team_id, key, fingerprint, in_flight_until)
    values (${teamId}, ${key}, ${fingerprint}, now() + make_interval(secs => ${inFlightSeconds}::float8))
    on conflict (team_id, key) do update set
      fingerprint = excluded.fingerprint,
      in_flight_until = excluded.in_flight_until,
      status_code = null,
      sealed_response = null,
      subject_id = null,
      created_at = case
        when known.created_at <= now() - make_interval(secs => ${rememberedSeconds}::float8) then now()
        else known.created_at
      end
    where known.created_at <= now() - make_interval(secs => ${rememberedSeconds}::float8)
      or (known.in_flight_until <= now() and known.fingerprint = excluded.fingerprint)
    returning
      in_flight_until::text as token,
      floor(extract(epoch from created_at))::int as "createdAtSeconds"`;
  if (claimed) return { kind: "claimed", ...claimed };

  const [known] = await sql("find_idempotency_key")<{
    same: boolean;
    statusCode: number | null;
    sealedResponse: Buffer | null;
  }>`
    select
      fingerprint = ${fingerprint} as same,
      status_code as "statusCode",
      sealed_response as "sealedResponse"
    from idempotency_keys
    where team_id = ${teamId} and key = ${key}`;
  if (known && !known.same) return { kind: "reused" };
  if (!known || known.statusCode === null || known.sealedResponse === null) {
    return { kind: "in_flight" };
  }
  return {
    kind: "answered",
    statusCode: known.statusCode,
    sealedResponse: known.sealedResponse,
  };
}

/** Stores the answer; false when the claim was taken over meanwhile. */
export async function keepIdempotentAnswer(
  sql: Sql,
  teamId: string,
  key: string,
  claim: { token: string },
  answer: { statusCode: number; sealedResponse: Buffer; subjectId: string | null },
): Promise<boolean> {
  const rows = await sql("keep_idempotent_answer")`
    update idempotency_keys set
      in_flight_until = null,
      status_code = ${answer.statusCode},
      sealed_response = ${answer.sealedResponse},
      subject_id = ${answer.subjectId}
    where team_id = ${teamId} and key = ${key} and in_flight_until = ${claim.token}::timestamptz
    returning key`;
  return rows.length === 1;
}

/** Lets a repeat take over at once, under the same `created_at`. */
export async function releaseIdempotencyKey(
  sql: Sql,
  teamId: string,
  key: string,
  claim: { token: string },
): Promise<void> {
  await sql`
    update idempotency_keys set in_flight_until = now()
    where team_id = ${teamId} and key = ${key} and in_flight_until = ${claim.token}::timestamptz`;
}

/** Deletes at most `limit` keys of any team whose 24 hours are over; returns how many. */
export async function deleteOldIdempotencyKeysOfAllTeams(sql: Sql, limit: number): Promise<number> {
  const rows = await sql`
    delete from idempotency_keys
    where (team_id, key) in (
      select team_id, key from idempotency_keys
      where created_at <= now() - make_interval(secs => ${rememberedSeconds}::float8)
      order by created_at
      limit ${limit}
      for update skip locked)
    returning key`;
  return rows.length;
}
