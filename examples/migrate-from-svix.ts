// Creates workflow webhooks from the endpoints of a Svix application. docs/migrate-from-svix.md says how.
//   npx tsx examples/migrate-from-svix.ts endpoints.json --map run.done=workflow_run_completed
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { ApiError, type Postrider, type WorkflowWebhookCreate } from "@postrider/sdk";
import { decodeSecret } from "@postrider/sdk/sign";
import { openPostrider, stop } from "./postrider.ts";

/** The members of Svix's endpoints that are read; `headers` are asked for one by one there, and are read where they were put in. */
export type SvixEndpoint = {
  id: string;
  url: string;
  description?: string;
  uid?: string | null;
  disabled?: boolean;
  filterTypes?: string[] | null;
  channels?: string[] | null;
  rateLimit?: number | null;
  throttleRate?: number | null;
  metadata?: Record<string, string>;
  headers?: Record<string, string>;
};

type Action = WorkflowWebhookCreate["actions"][number];
const actions: readonly Action[] = [
  "workflow_created",
  "workflow_updated",
  "workflow_deleted",
  "workflow_run_started",
  "workflow_run_completed",
];

/** A secret that is accepted: `whsec_` and base64 of 24 to 64 bytes. Svix has others too, for asymmetric signatures. */
function isAccepted(secret: string): boolean {
  try {
    return decodeSecret(secret).length > 0;
  } catch {
    return false;
  }
}

/** What becomes of one endpoint: what is created, unless nothing of it can be, and what is left behind. */
export type Plan = { svixId: string; create?: WorkflowWebhookCreate; leftBehind: string[] };

/** Reads what Svix's list answers: one page, several, or the endpoints themselves. Throws when a page is missing. */
export function readEndpoints(json: string): SvixEndpoint[] {
  type Page = { data: SvixEndpoint[]; done?: boolean };
  const given: unknown = JSON.parse(json);
  const parts = (Array.isArray(given) ? given : [given]) as (Page | SvixEndpoint)[];
  const pages = parts.filter((part): part is Page => "data" in part);
  if (pages.length > 0 && pages.at(-1)?.done === false) {
    throw new Error("The last page says done: false; fetch the next one with its iterator.");
  }
  return parts.flatMap((part) => ("data" in part ? part.data : [part]));
}

/** Plans a webhook for an endpoint; `map` leads from Svix's event types to actions. `secret` is the endpoint's at Svix. */
export function planOf(
  endpoint: SvixEndpoint,
  map: ReadonlyMap<string, string>,
  secret?: string,
): Plan {
  const { id, url, description, uid, filterTypes, headers } = endpoint;
  const named = (filterTypes ?? []).map((type) => ({ type, action: map.get(type) ?? type }));
  const isAction = (name: string): name is Action => (actions as readonly string[]).includes(name);
  const wanted = filterTypes?.length
    ? [...new Set(named.map(({ action }) => action).filter(isAction))]
    : [...actions];
  const unmapped = named.filter(({ action }) => !isAction(action)).map(({ type }) => type);
  const leftBehind = [
    ...(unmapped.length > 0 ? [`event types without an action: ${unmapped.join(", ")}`] : []),
    ...(endpoint.channels?.length ? [`channels: ${endpoint.channels.join(", ")}`] : []),
    ...((endpoint.rateLimit ?? endpoint.throttleRate) ? ["the rate limit"] : []),
    ...(Object.keys(endpoint.metadata ?? {}).length > 0 ? ["metadata"] : []),
    ...(secret !== undefined && !isAccepted(secret)
      ? ["the signing secret: it is not whsec_ and base64 of 24 to 64 bytes"]
      : []),
  ];
  if (wanted.length === 0) return { svixId: id, leftBehind };
  const create: WorkflowWebhookCreate = {
    name: (description || uid || new URL(url).host).slice(0, 150),
    url,
    actions: wanted,
    enabled: !endpoint.disabled,
    ...(headers && Object.keys(headers).length > 0 && { headers }),
    ...(secret !== undefined && isAccepted(secret) && { signing_secret: secret }),
  };
  return { svixId: id, create, leftBehind };
}

/** A webhook that was made, with the secret that its receiver has to know. */
export type Migrated = {
  svix_id: string;
  webhook_id: string;
  url: string;
  secret: string;
  /** It is the endpoint's secret at Svix: its receiver needs no change. */
  kept: boolean;
  /** False for one that an earlier run has made. */
  created: boolean;
};

/** Creates what was planned. What is there already, by name and URL, is left as it is; what is refused is told. */
export async function migrate(
  postrider: Postrider,
  plans: readonly Plan[],
  options: { disabled?: boolean; tell: (line: string) => void },
): Promise<{ migrated: Migrated[]; refused: number }> {
  const keyOf = ({ name, url }: { name: string; url: string }) => `${name}\n${url}`;
  const there = new Map<string, string>();
  for await (const webhook of postrider.workflowWebhooks.each()) {
    there.set(keyOf(webhook), webhook.id);
  }
  const migrated: Migrated[] = [];
  let refused = 0;
  for (const { svixId, create } of plans) {
    if (!create) continue;
    try {
      const body = { ...create, ...(options.disabled && { enabled: false }) };
      const known = there.get(keyOf(create));
      const webhook_id = known ?? (await postrider.workflowWebhooks.create(body)).id;
      const { secret } = await postrider.workflowWebhooks.getSecret(webhook_id);
      const created = known === undefined;
      const kept = secret === create.signing_secret;
      migrated.push({ svix_id: svixId, webhook_id, url: create.url, secret, kept, created });
      options.tell(`${svixId}: ${created ? "created as" : "is there already as"} ${webhook_id}`);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 422) throw error;
      refused += 1;
      options.tell(`${svixId}: refused: ${error.detail}`);
    }
  }
  return { migrated, refused };
}

const usage =
  "Usage: npx tsx examples/migrate-from-svix.ts [file] [--map <svix type>=<action>]… [--secrets-from <file>] [--create --secrets-to <file>] [--disabled]";

async function run(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      map: { type: "string", multiple: true },
      create: { type: "boolean" },
      disabled: { type: "boolean" },
      "secrets-from": { type: "string" },
      "secrets-to": { type: "string" },
    },
  });
  const secretsTo = values["secrets-to"];
  if (values.create && !secretsTo) stop(`--create needs --secrets-to <file>. ${usage}`);
  if (secretsTo && existsSync(secretsTo)) stop(`${secretsTo} is there; name another file.`);
  const [file] = positionals;
  const endpoints = readEndpoints(file ? readFileSync(file, "utf8") : await text(process.stdin));
  const map = new Map((values.map ?? []).map((one) => one.split("=", 2) as [string, string]));
  const secretsFrom = values["secrets-from"];
  const secrets = new Map<string, string>(
    Object.entries(secretsFrom ? JSON.parse(readFileSync(secretsFrom, "utf8")) : {}),
  );
  const plans = endpoints.map((endpoint) => planOf(endpoint, map, secrets.get(endpoint.id)));
  for (const { svixId, create, leftBehind } of plans) {
    console.log(
      create
        ? `${svixId}: ${create.name}, ${create.url}, ${create.actions.join(" ")}, ${create.signing_secret ? "keeps its secret" : "gets a new secret"}`
        : `${svixId}: nothing to create, none of its event types has an action`,
    );
    for (const one of leftBehind) console.log(`  left behind: ${one}`);
  }
  if (!values.create || !secretsTo) {
    console.log("Dry run: nothing was created. Add --create --secrets-to <file>.");
    return;
  }
  const { disabled = false } = values;
  const options = { disabled, tell: (line: string) => console.log(line) };
  const { migrated, refused } = await migrate(openPostrider(), plans, options);
  // Only its owner may read it: who has a secret can forge webhooks.
  writeFileSync(secretsTo, `${JSON.stringify(migrated, null, 2)}\n`, { mode: 0o600, flag: "wx" });
  const count = migrated.filter(({ created }) => created).length;
  console.log(`${count} created, ${refused} refused. Their secrets: ${secretsTo}`);
  if (refused > 0) process.exitCode = 1;
}

if (process.argv[1] === import.meta.filename) {
  await run().catch((error: Error) => stop(`${error.message} ${usage}`));
}
