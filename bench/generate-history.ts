// A history of 30 days: one huge team that uses all three contracts, and nine others.
import type pg from "pg";
import { newId } from "../packages/server/src/ids.ts";
import {
  type GivenSubscription,
  openFiller,
  settle,
  withDay,
  withoutIndexes,
  writeSubscriptions,
  writeTeams,
} from "./generate.ts";

/** What was made, for those who want to ask for it. */
export type History = {
  /** The team with nine tenths of all deliveries. */
  hugeTeamId: string;
  otherTeamIds: string[];
  /** The huge team's, by contract; the first ones have most of the deliveries. */
  webhookIds: string[];
  organisationWebhookIds: string[];
  assistantIds: string[];
  workflowIds: string[];
  deliveries: number;
};

const days = 30;
const counts = { otherTeams: 9, webhooks: 20, organisationWebhooks: 6, assistants: 50 };
const workflows = 200;
/** Deliveries for each event: contract A's events in the huge team (60 in 100) have two subscriptions. */
const deliveriesAnEvent = 1.6;

/** Makes about so many deliveries, with their events and attempts: 97 % delivered, 2 % failed, 1 % pending. */
export async function generateHistory(
  url: string,
  rows: number,
  say: (line: string) => void,
): Promise<History> {
  const client = await openFiller(url);
  const second = await openFiller(url);
  try {
    const history = await furnish(client);
    const eventsADay = Math.round(rows / deliveriesAnEvent / days);
    await withoutIndexes(client, "deliveries", async () => {
      const left = await listDays(client);
      let done = 0;
      const lane = async (filler: pg.Client) => {
        for (let day = left.shift(); day !== undefined; day = left.shift()) {
          await fillDay(filler, history, day, eventsADay);
          done++;
          if (done % 5 === 0) say(`  day ${done} of ${days}`);
        }
      };
      await Promise.all([lane(client), lane(second)]);
      say("  building indexes …");
    });
    say("  vacuum and statistics …");
    await settle(client);
    const counted = await client.query("select count(*)::int as count from deliveries");
    return { ...history, deliveries: counted.rows[0].count };
  } finally {
    await client.end();
    await second.end();
  }
}

/** A day, and which part of its deliveries is pending: what is older has been delivered or has failed. */
type Day = { day: string; pending: number };

const pendingDays = 2;
const pendingPart = 0.01;

async function listDays(client: pg.Client): Promise<Day[]> {
  // Up to yesterday: today's partitions are the service's to make.
  const { rows } = await client.query(
    `select (current_date - n)::text as day from generate_series(${days}, 1, -1) n`,
  );
  return rows.map(({ day }, n) => ({
    day,
    pending: n >= days - pendingDays ? (pendingPart * days) / pendingDays : 0,
  }));
}

async function furnish(client: pg.Client): Promise<History> {
  const ids = (count: number) => Array.from({ length: count }, () => newId());
  const hugeTeamId = newId();
  const otherTeamIds = ids(counts.otherTeams);
  await writeTeams(client, [hugeTeamId, ...otherTeamIds]);
  const make = (contract: GivenSubscription["contract"], teamIds: readonly string[]) =>
    teamIds.map((teamId) => ({
      teamId,
      id: newId(),
      contract,
      url: "https://receiver.example/hook",
      eventTypes: ["anything"],
      enabled: true,
      timeoutSeconds: 10,
      sealedSigningSecret: Buffer.from("never opened"),
    }));
  const ofHuge = (count: number) => Array.from({ length: count }, () => hugeTeamId);
  const webhooks = make("workflow", ofHuge(counts.webhooks));
  const organisation = make("organisation", ofHuge(counts.organisationWebhooks));
  const assistants = make("assistant", ofHuge(counts.assistants));
  const others = make("workflow", otherTeamIds);
  await writeSubscriptions(client, [...webhooks, ...organisation, ...assistants, ...others]);
  const workflowIds = ids(workflows);
  await client.query(
    `insert into workflows (team_id, id, name, version_number, created_by, updated_by, created_at, updated_at)
     select $1, id, 'Workflow ' || n, 1, 'system', 'system', now(), now()
     from unnest($2::text[]) with ordinality as w (id, n)`,
    [hugeTeamId, workflowIds],
  );
  const idsOf = (subscriptions: readonly GivenSubscription[]) => subscriptions.map(({ id }) => id);
  return {
    hugeTeamId,
    otherTeamIds,
    webhookIds: idsOf(webhooks),
    organisationWebhookIds: idsOf(organisation),
    assistantIds: idsOf(assistants),
    workflowIds,
    deliveries: 0,
  };
}

/**
 * Writes one day in one statement. Numbers in the order of time decide what an event is: its contract by the last two
 * digits, and now and then something rare. A run has two events. Ids are derived as the service derives them, so that
 * a run's events are found by the run's id.
 */
async function fillDay(
  client: pg.Client,
  history: History,
  { day, pending }: Day,
  events: number,
): Promise<void> {
  await client.query("begin");
  await withDay(client, day, async (tables) => {
    await client.query("select setseed(0.5)");
    const others = await client.query(
      `select array_agg(id order by team_id) as ids from subscriptions where team_id = any($1)`,
      [history.otherTeamIds],
    );
    await client.query(
      `with numbered as (
         select n, n % 100 as digits, n / 200 * 200 + n % 100 as run,
                $1::timestamptz + n * (interval '1 day' / $2::int) as created_at,
                random() as luck, random() as chance
         from generate_series(0, $2::int - 1) n
       ), told as (
         select *,
                case when digits < 60 or digits >= 85 then 'workflow'
                     when digits < 75 then 'organisation' else 'assistant' end as contract,
                case when digits < 85 then $3 else ($4::text[])[1 + digits % cardinality($4::text[])] end as team_id,
                case when digits < 85 then ($5::text[])[1 + floor(200 * luck * luck * luck)] end as workflow_id,
                lpad(to_hex(extract(epoch from $1::timestamptz + run * (interval '1 day' / $2::int))::bigint), 8, '0')
                  || lpad(to_hex($2::bigint * 16 + run), 16, '0') as run_id,
                case
                  when digits between 60 and 74 then case
                    when n = 60 and extract(day from created_at) % 5 = 0 then 'workflow.failed'
                    when digits = 74 then case when n % 200 < 100 then 'workflow.started' else 'workflow.completed' end
                    when n % 200 < 100 then 'workflow.step.started' else 'workflow.step.completed' end
                  when digits between 75 and 84 then case
                    when n % 1000 = 75 then 'hang' when digits = 84 then 'end-of-call-report'
                    when digits = 83 then 'status-update' else 'conversation-update' end
                  when n = 1 then 'workflow_created'
                  when n % 1000 = 2 then 'workflow_updated'
                  when n % 200 < 100 then 'workflow_run_started' else 'workflow_run_completed' end
                  as event_type
         from numbered
       ), called as (
         select *,
                case when contract = 'assistant' then 'WC-' || md5($1::text || n / 2000)::uuid end as call_id,
                case when contract = 'assistant' then n / 100 % 20 * 10 + digits - 74 end as call_position
         from told
       ), named as (
         select *, event_type || ':' || coalesce(call_id || ':' || call_position, run_id) as dedupe_key from called
       ), hashed as (
         select *, encode(sha256(convert_to(team_id || E'\\n' || contract || E'\\n' || dedupe_key, 'utf8')), 'hex') as hash
         from named
       ), event as materialized (
         select *,
                (case when call_id is null then substr(run_id, 1, 8) else substr(hash, 1, 8) end
                  || substr(hash, 9, 4) || '8' || substr(hash, 14, 3)
                  || translate(substr(hash, 17, 1), '0123456789abcdef', '89ab89ab89ab89ab')
                  || substr(hash, 18, 15))::uuid as id,
                -- All messages of a call are its assistant's; the first assistants have most of the calls.
                case when call_id is null then chance
                     else (hashtextextended(call_id, 0) & 65535) / 65536.0 end as share
         from hashed
       ), written_calls as (
         insert into calls (team_id, id, assistant_id, call_type, direction, status, position,
           created_by, updated_by, created_at, updated_at)
         select distinct on (call_id) team_id, call_id,
                ($7::text[])[1 + floor(cardinality($7::text[]) * share * share)], 'web', 'inbound', 'ongoing', 200,
                'system', 'system', created_at, created_at
         from event where call_id is not null order by call_id, n
       ), written_events as (
         insert into ${tables.events} (id, created_at, team_id, contract, event_type, dedupe_key,
           workflow_id, workflow_name, run_id, run_status, call_id, created_by, payload)
         select id, created_at, team_id, contract, event_type, dedupe_key, workflow_id,
                case when workflow_id is not null then 'Workflow' end, run_id, 'completed', call_id, 'system',
                convert_to('{"event_id":"event_' || id || '","type":"' || event_type || '","data":{"run":"' || run_id
                  || '","text":"' || repeat('x', 200) || '"}}', 'utf8')
         from event
       ), delivery as materialized (
         select e.*, copy, random() as fate,
                lpad(to_hex(extract(epoch from created_at)::bigint), 8, '0')
                  || lpad(to_hex(n * 2 + copy), 16, '0') as delivery_id,
                case
                  when digits >= 85 then ($6::text[])[1 + digits % cardinality($6::text[])]
                  when digits >= 75 then ($7::text[])[1 + floor(cardinality($7::text[]) * share * share)]
                  when digits >= 60 then ($8::text[])[1 + floor(cardinality($8::text[]) * share * share)]
                  -- The second one's subscription is of the other half of them.
                  else ($9::text[])[1 + copy * cardinality($9::text[]) / 2 + floor(cardinality($9::text[]) / 2 * share * share)]
                end as subscription_id
         from event e
         cross join lateral generate_series(0, case when digits < 60 then 1 else 0 end) copy
       ), fated as materialized (
         select *,
                case when fate < $10::float8 then 'pending' when fate < 0.98 then 'delivered' else 'failed' end as status,
                case when fate >= 0.98 then case when contract = 'assistant' then 1 else 4 end
                     when fate >= $10 then 1
                     when fate < $10 / 2 and contract <> 'assistant' then 1 else 0 end as attempts
         from delivery
       ), written_deliveries as (
         insert into deliveries (team_id, id, event_id, created_at, subscription_id, event_type,
           workflow_id, status, due_at, attempt_count, retry_at, last_attempt_at, last_status_code, last_error,
           finished_at, updated_at, order_key, order_position)
         select team_id, delivery_id, id, created_at, subscription_id, event_type,
                case when contract = 'workflow' then workflow_id end, status,
                case when status = 'pending' then now() + interval '1 day' end, attempts,
                case when status = 'pending' and attempts > 0 then now() + interval '1 day' end,
                case when attempts > 0 then created_at + interval '1 second' end,
                case when attempts > 0 then case status when 'delivered' then 204 else 500 end end,
                case when attempts > 0 and status <> 'delivered' then 'The receiver answered 500.' end,
                case when status <> 'pending' then created_at + interval '1 second' end,
                created_at + interval '1 second', call_id, call_position
         from fated
       )
       insert into ${tables.attempts} (delivery_id, number, delivery_created_at, id, team_id, created_at,
         request_url, success, status_code, response_body, error_code, error_message, latency_ms, will_retry)
       select delivery_id, number, created_at, lpad(to_hex(extract(epoch from created_at)::bigint), 8, '0')
                || lpad(to_hex(n * 8 + copy * 4 + number), 16, '0'),
              team_id, created_at + number * interval '1 second', 'https://receiver.example/hook',
              status = 'delivered', case status when 'delivered' then 204 else 500 end, '',
              case when status <> 'delivered' then 'bad_status' end,
              case when status <> 'delivered' then 'The receiver answered 500.' end,
              37, status = 'pending' or number < attempts
       from fated
       cross join lateral generate_series(1, attempts) number`,
      [
        `${day} 00:00:00+00`,
        events,
        history.hugeTeamId,
        history.otherTeamIds,
        history.workflowIds,
        others.rows[0].ids,
        history.assistantIds,
        history.organisationWebhookIds,
        history.webhookIds,
        pending,
      ],
    );
  });
  await client.query("commit");
}
