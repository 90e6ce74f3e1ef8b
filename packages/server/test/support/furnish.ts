import { randomUUID } from "node:crypto";
import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { expect } from "vitest";
import type { Schema } from "../../src/api/explain.ts";
import { listenerHeadersContext } from "../../src/db/listener-requests.ts";
import { insertReplay } from "../../src/db/replays.ts";
import { assistantMessageTypes } from "../../src/domain/contracts/assistant-messages.ts";
import { organisationEventTypes } from "../../src/domain/contracts/organisation-webhooks.ts";
import { workflowActions } from "../../src/domain/contracts/workflow-webhooks.ts";
import { operationalEventTypes } from "../../src/domain/lifecycle/operational.ts";
import { newCallId, newId } from "../../src/ids.ts";
import type { TestApi } from "./api.ts";

/** What each parameter of a path can be filled with; a resource may have several names. */
export type Names = Record<string, readonly [string, ...string[]]>;

type Furnishing = {
  teamId: string;
  key: string;
  /** Marks whatever can be marked. */
  secret: string;
  /** Marks what only keys with the scope `payload` are shown; like the rest unless given. */
  payload?: string;
  /** Marks what nobody is ever shown again: secrets and header values; like the rest unless given. */
  credential?: string;
};

/** Makes one of everything a team can have: receivers, a workflow, a run with a step, a call, a key, deliveries and attempts. */
export async function furnish(
  api: TestApi,
  { teamId, key, secret, payload = secret, credential = secret }: Furnishing,
): Promise<Names> {
  const make = async (path: string, body: object) => {
    const made = await api.call("POST", path, { key, body });
    expect(made.status, made.text).toBe(201);
    return made.body;
  };
  const name = secret;
  const url = `https://example.com/${secret}`;
  const headers = { "x-mark": credential };
  const credentials = { secret: credential, headers };
  const hidden = { [payload]: payload };

  const assistants = "/assistants/v1/assistants";
  const ofWorkflows = { name, url, actions: workflowActions, bearer_token: credential, headers };
  const ofAll = { name, url, events: organisationEventTypes, ...credentials };
  const server = { enabled: true, url, messages: assistantMessageTypes, ...credentials };
  const ofService = {
    name,
    url,
    actions: operationalEventTypes,
    bearer_token: credential,
    headers,
  };
  const [webhook, organisationWebhook, operationalWebhook, assistant] = await Promise.all([
    make("/workflows/v1/workflow-webhooks", ofWorkflows),
    make("/webhooks", ofAll),
    make("/v1/operational-webhooks", ofService),
    make(assistants, { name, assistantServer: server, mark: secret }),
  ]);

  const makeRun = async () => {
    const { workflow } = await make("/workflows/v1/workflows", { name, settings: { secret } });
    const start = { workflow_id: workflow.id, trigger: "manual", input: hidden };
    return (await make("/workflows/v1/workflow-runs", start)).run;
  };
  const begin = { callType: "web", direction: "inbound", status: "queued", metadata: hidden };
  const conversations = "/calls/v1/conversations";
  const makeCall = () => make(conversations, { assistantId: assistant.id, ...begin });
  const [run, call, ended, apiKey, session] = await Promise.all([
    makeRun(),
    makeCall(),
    makeCall(),
    make("/v1/api-keys", { name, scopes: ["read"] }),
    make("/v1/sessions", { api_key: key }),
  ]);

  const steps = [
    { id: `step-${secret}`, status: "started", name },
    { id: `step-2-${secret}`, status: "failed", name, output: hidden, error: hidden },
  ] as const;
  const stepsPath = `/workflows/v1/workflow-runs/${run.id}/steps`;
  const end = { recording: hidden, analysis: hidden, cost: hidden, metrics: hidden };
  const line = { role: "user", text: payload, metrics: hidden };
  const reported = await Promise.all([
    ...steps.map(({ id, ...body }) => api.call("PUT", `${stepsPath}/${id}`, { key, body })),
    api.call("POST", `${conversations}/${ended.id}/end`, { key, body: end }),
    make(`${conversations}/${call.id}/messages`, line),
    make(`${conversations}/${call.id}/errors`, { type: "llm_error", message: payload }),
  ]);
  expect(reported.slice(0, 3).map(({ status }) => status)).toEqual([201, 201, 200]);

  await api.call("POST", `/v1/operational-webhooks/${operationalWebhook.id}/test`, {
    key,
    body: {},
  });
  const { sql } = api.database;
  await sql`
    update events set payload = convert_to(jsonb_build_object('told', ${payload}::text)::text, 'UTF8')
    where team_id = ${teamId} and contract = 'operational'
      and not exists (select from teams where id = ${teamId} and encrypt_payloads)`;
  await sql`
    insert into login_links (team_id, token_sha256, api_key_id, expires_at)
    values (${teamId}, sha256(${newId()}::bytea), ${apiKey.id}, now() + interval '1 day')`;
  const head = randomUUID();
  await sql`
    insert into attempts (delivery_id, number, delivery_created_at, id, team_id, request_url, success,
      status_code, response_body, latency_ms, will_retry)
    select id, 1, created_at, left(md5(id), 24), team_id, ${url}, true, 200, ${payload}, 12, false
    from deliveries where team_id = ${teamId} and attempt_count = 0`;
  await sql`
    insert into request_heads (team_id, id, headers, used_on)
    values (${teamId}, ${head}, '{}', current_date) on conflict do nothing`;
  await sql`
    update attempts set request_head_id = ${head}, request_proof = '\\x00000000', response_headers = ''
    where team_id = ${teamId} and request_head_id is null`;
  await sql`
    insert into rollups (team_id, subscription_id, minutes, at, event_type, part, attempts, delivered, failed, retried, latencies)
    select distinct team_id, subscription_id, 1440, date_trunc('day', created_at), event_type, 0, 1, 1, 0, 0, '{1}'::int4[]
    from deliveries where team_id = ${teamId} and attempt_count = 0
    on conflict do nothing`;
  await sql`
    insert into failure_streaks (team_id, subscription_id, failed_from, exhausted, last_failing_from, last_failing_to)
    select team_id, subscription_id, min(created_at), 1, min(created_at), max(created_at)
    from deliveries where team_id = ${teamId} and attempt_count = 0
    group by team_id, subscription_id
    on conflict do nothing`;
  await sql`
    insert into operational_happenings (team_id, event_type, key, data)
    values (${teamId}, 'endpoint.failing', ${newId()}, '{}')`;
  await sql`
    update deliveries set attempt_count = 1, last_attempt_at = now(), last_status_code = 200
    where team_id = ${teamId} and attempt_count = 0`;
  const [delivery] = await sql<{ id: string; eventId: string }>`
    select id, event_id as "eventId" from deliveries
    where subscription_id = ${webhook.id} and event_type = 'workflow_run_started'`;
  const [other] = await sql<{ id: string }>`
    select id from deliveries
    where subscription_id = ${organisationWebhook.id} and event_type = 'workflow.started'`;
  const [told] = await sql<{ id: string; eventId: string }>`
    select id, event_id as "eventId" from deliveries where subscription_id = ${operationalWebhook.id}`;
  const portalLink = await make("/v1/portal-links", {
    team_id: teamId,
    access: "read",
    endpoint_ids: [webhook.id],
    theme: { logo_url: `https://example.com/${secret}` },
    expires_in_seconds: 3_600,
  });
  const portalSession = await make("/v1/sessions", {
    login_token: new URL(portalLink.url).hash.slice("#login=".length),
  });
  // Those before it have ended, the first aside: a team may have few.
  await sql`
    update listeners set ends_at = now() where team_id = ${teamId}
      and id <> (select min(id) from listeners where team_id = ${teamId})`;
  const listener = await make("/v1/listeners", { endpoint_id: webhook.id });
  const requestId = newId();
  await sql`
    insert into listener_requests (team_id, id, listener_id, delivery_id, event_id, event_type,
      event_created_at, attempt_number, deadline_at, sealed_headers, position)
    select team_id, ${requestId}, ${listener.id}, id, event_id, event_type, created_at, 1,
      now() + interval '1 hour', ${api.deps.keyring.seal("[]", listenerHeadersContext(teamId, requestId))}, 1
    from deliveries
    where subscription_id = ${webhook.id} and event_type = 'workflow_run_started'`;
  const replayId = await makeReplay(api, teamId, webhook.id);
  if (!delivery || !other || !told) throw new Error("something made no delivery");
  return {
    webhook_id: [webhook.id],
    operational_webhook_id: [operationalWebhook.id],
    operational_event_id: [told.id, `event_${told.eventId}`],
    workflow_id: [run.workflow_id],
    run_id: [run.id],
    event_id: [delivery.id, `event_${delivery.eventId}`],
    delivery_id: [other.id],
    endpoint_id: [webhook.id, assistant.id],
    replay_id: [replayId],
    listener_id: [listener.id],
    request_id: [requestId],
    number: ["1"],
    step_id: [steps[0].id, steps[1].id],
    subscription_id: [organisationWebhook.id],
    assistant_id: [assistant.id],
    conversation_id: [call.id, ended.id],
    api_key_id: [apiKey.id],
    session_id: [session.id],
    portal_link_id: [portalLink.id],
    portal_session_id: [portalSession.id],
    team_id: [teamId],
    api_key: [key],
  };
}

/** Makes a replay that has a subscription's deliveries in hand, and ends those before: a team may have ten that go on. */
async function makeReplay(api: TestApi, teamId: string, subscriptionId: string): Promise<string> {
  const id = newId();
  const everything = {
    subscriptionIds: null,
    contracts: null,
    eventTypes: null,
    statuses: null,
    subject: null,
    eventIds: null,
    errorCodes: null,
    from: null,
    to: null,
  };
  await api.database.begin(async (tx) => {
    await tx`
      update replays set state = 'cancelled', finished_at = now(), due_at = null
      where team_id = ${teamId} and finished_at is null`;
    const replay = { teamId, id, which: "failed", ratePerSecond: 1, actor: "system" } as const;
    await insertReplay(tx, { ...replay, search: { deliveries: everything } });
    await tx`
      insert into replayed_deliveries (team_id, replay_id, state, delivery_id, subscription_id)
      select team_id, ${id}, 'held', id, subscription_id from deliveries
      where team_id = ${teamId} and subscription_id = ${subscriptionId}`;
  });
  return id;
}

/** Makes names that stand for nothing, of the same forms. */
export function unknownNames(names: Names): Names {
  const other = (name: string) => {
    if (name.startsWith("prk_")) return `${name.slice(0, -6)}000000`;
    if (name.startsWith("event_")) return `event_${crypto.randomUUID()}`;
    if (name.startsWith("step-")) return `step-${newId()}`;
    if (name.startsWith("WC-")) return newCallId("web");
    return name.length > 1 ? newId() : name;
  };
  return Object.fromEntries(
    Object.entries(names).map(([parameter, [first, ...rest]]) => [
      parameter,
      [other(first), ...rest.map(other)],
    ]),
  );
}

/** Fields that are for another one of the same body, and not beside it; a listener names one thing to hear. */
const isInstead = (field: string, fields: object): boolean =>
  field === "login_token" ||
  ("assistant_id" in fields && ["assistant_id", "endpoint_id"].includes(field));

/** Makes a body that names every field its schema has, acceptably. */
export function wholeBody(
  { body }: { body: Schema | undefined },
  names: Names,
): Record<string, unknown> {
  const fields = body?.properties ?? {};
  return Object.fromEntries(
    Object.entries(fields)
      .filter(([field]) => !isInstead(field, fields))
      .map(([field, schema]) => [field, exampleOf(field, schema, names)]),
  );
}

/** Body fields that name a resource by another word than paths do. */
const otherWords: Record<string, string> = {
  assistantId: "assistant_id",
  call_id: "conversation_id",
  team_ids: "team_id",
  endpoint_ids: "endpoint_id",
  default_team_id: "team_id",
};

function exampleOf(field: string, schema: Schema, names: Names): unknown {
  if (field === "facts") return factsOf(schema, names);
  if (schema.properties) return wholeBody({ body: schema }, names);
  const known = names[otherWords[field] ?? field] ?? [];
  const own =
    field === "id" ? [newCallId("web"), crypto.randomUUID()] : [...known, known.slice(0, 1)];
  const texts = ["a text", "https://example.com/hook", "2026-11-21T10:30:00Z", "token", "#1f6feb"];
  const lists = [
    ["workflow_created"],
    ["workflow.started"],
    ["admin"],
    ["hang"],
    ["endpoint.failing"],
  ];
  const others = [
    newId(),
    [newId()],
    newCallId("web"),
    "application/json",
    false,
    1,
    200,
    { name: "a text" },
    {},
    null,
  ];
  const candidates = [...choices(schema), ...own, ...texts, ...others, ...lists];
  // A URL is any text to its schema; the rest is asked of the schema itself.
  const fitting = field === "url" ? texts.slice(1) : candidates;
  const validator = Compile(schema as TSchema);
  const example = fitting.find((one) => one !== undefined && validator.Check(one));
  if (example === undefined) throw new Error(`exampleOf() must learn a value for ${field}`);
  return example;
}

/** One fact of every type, but that a step ends once only; the one that deletes comes last. */
const factsOf = ({ items }: Schema, names: Names): unknown[] =>
  (items?.anyOf ?? [])
    .map((fact) => wholeBody({ body: fact }, names))
    .filter(({ type }) => type !== "step.failed")
    .sort((a, b) => Number(a.type === "workflow.deleted") - Number(b.type === "workflow.deleted"));

const choices = (schema: Schema): unknown[] => [
  ...(schema.enum ?? []),
  ...("const" in schema ? [schema.const] : []),
  ...(schema.anyOf ?? []).flatMap(choices),
];
