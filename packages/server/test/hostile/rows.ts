import corpus from "../cases/hostile-cases.json" with { type: "json" };

/** One row of the corpus: something hostile, and what must come of it. */
export type Row = {
  id: string;
  area: string;
  why: string;
  // biome-ignore lint/suspicious/noExplicitAny: each area has a shape of its own.
  input: any;
  // biome-ignore lint/suspicious/noExplicitAny: each area has a shape of its own.
  expect: any;
};

/** All rows. */
export const rows: readonly Row[] = corpus;

const has = (name: string) => (row: Row) => row.input[name] !== undefined;
const all = () => true;

const isText = ({ input }: Row) => typeof input.url === "string" || input.url_gen !== undefined;
const isBody = (row: Row) =>
  (has("body")(row) || has("body_b64")(row) || has("body_gzip_of")(row)) &&
  !has("drip_body_every_ms")(row);
const isOrganisation = ({ input }: Row) =>
  input.api === "webhooks" || ["events", "secret"].includes(input.field);
const isOfHistory = ({ input }: Row) => String(input.query ?? "").startsWith("status");

type Part = { area: string; file: string; rows: (row: Row) => boolean };

/**
 * The rows that are read as a table, in parts: the file that runs each, one test a row.
 *
 * What no part takes is a scenario, and registry.ts names the test that plays it.
 */
export const parts = {
  "url: text": { area: "url", file: "server/test/domain/target-url.test.ts", rows: isText },
  "url: no text": {
    area: "url",
    file: "server/test/hostile/inbound.test.ts",
    rows: (row) => !isText(row),
  },
  ip: { area: "ip", file: "server/test/domain/address.test.ts", rows: all },
  dns: { area: "dns", file: "server/test/dispatcher/connector.test.ts", rows: all },
  redirect: { area: "redirect", file: "server/test/domain/outcome.test.ts", rows: all },
  "header: map": {
    area: "header",
    file: "server/test/domain/receiver-headers.test.ts",
    rows: has("headers"),
  },
  "header: JSON": {
    area: "header",
    file: "server/test/api/organisation-webhooks.test.ts",
    rows: has("headers_raw_json"),
  },
  "header: token": {
    area: "header",
    file: "server/test/api/organisation-webhooks.test.ts",
    rows: has("bearer_token"),
  },
  receiver: { area: "receiver", file: "server/test/dispatcher/send.test.ts", rows: all },
  status: { area: "status", file: "server/test/domain/outcome.test.ts", rows: all },
  "retry_after: failure": {
    area: "retry_after",
    file: "server/test/domain/outcome.test.ts",
    rows: ({ input }) => input.status !== 200 && input.pending_same_endpoint === undefined,
  },
  "retry_after: success": {
    area: "retry_after",
    file: "server/test/domain/outcome.test.ts",
    rows: ({ input }) => input.status === 200,
  },
  backoff: { area: "backoff", file: "server/test/domain/backoff.test.ts", rows: all },
  "ingest: body": { area: "ingest", file: "server/test/api/body.test.ts", rows: isBody },
  "ingest: key": {
    area: "ingest",
    file: "server/test/api/idempotency.test.ts",
    rows: (row) => has("idempotency_key")(row) && !has("send_twice_same")(row),
  },
  "api: workflow webhooks": {
    area: "api",
    file: "server/test/api/workflow-webhooks.test.ts",
    rows: (row) => !isOrganisation(row) && !isOfHistory(row),
  },
  "api: organisation webhooks": {
    area: "api",
    file: "server/test/api/organisation-webhooks.test.ts",
    rows: isOrganisation,
  },
  "api: history": {
    area: "api",
    file: "server/test/hostile/inbound.test.ts",
    rows: isOfHistory,
  },
  "auth: header": {
    area: "auth",
    file: "server/test/api/auth.test.ts",
    rows: has("authorization"),
  },
  "signature: made": {
    area: "signature",
    file: "sdk/test/sign.test.ts",
    rows: ({ expect }) => expect.signature !== undefined,
  },
  "signature: legacy": {
    area: "signature",
    file: "sdk/test/sign.test.ts",
    rows: has("legacy_secret"),
  },
  "signature: altered": {
    area: "signature",
    file: "sdk/test/verify.test.ts",
    rows: has("verify_mutation"),
  },
  "tenant: foreign id": {
    area: "tenant",
    file: "server/test/hostile/tenants.test.ts",
    rows: ({ input }) => /_of_B/.test(input.path ?? ""),
  },
  "tenant: selector": {
    area: "tenant",
    file: "server/test/hostile/tenants.test.ts",
    rows: (row) => has("org_header")(row) || has("query")(row),
  },
  "static: path": {
    area: "static",
    file: "server/test/hostile/served.test.ts",
    rows: ({ expect }) => expect.or_index_html === true,
  },
  "xss: text": { area: "xss", file: "server/test/hostile/injection.test.ts", rows: has("value") },
  sqli: { area: "sqli", file: "server/test/hostile/injection.test.ts", rows: all },
  "redaction: canary": {
    area: "redaction",
    file: "server/test/hostile/redaction.test.ts",
    rows: has("canary"),
  },
} as const satisfies Record<string, Part>;

export type PartName = keyof typeof parts;

/** The rows of one part, as the table of a test; `Shape` is what its area's rows look like. */
export function rowsOf<Shape = Row>(name: PartName): Shape[] {
  const part: Part = parts[name];
  return rows.filter((row) => row.area === part.area && part.rows(row)) as unknown as Shape[];
}
