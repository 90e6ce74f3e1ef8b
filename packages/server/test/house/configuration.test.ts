import { expect, test } from "vitest";
import {
  ConfigError,
  type Environment,
  ownConnections,
  readConfig,
  readConfigAsFarAsRight,
  readDatabaseUrl,
  type Setting,
  secretsOfSettings,
  settings,
} from "../../src/config.ts";
import { readText } from "./sources.ts";

const key = "0123456789abcdef".repeat(4);
const production = {
  DATABASE_URL: "postgresql://postrider:hunter2@db:5432/postrider",
  POSTRIDER_ENCRYPTION_KEY: key,
};

function refusal(environment: Environment, env: Record<string, string>): string {
  try {
    readConfig(environment, env);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
  throw new Error("the setting was accepted");
}

const shown = (value: string): string => {
  if (value === "required") return "**required**";
  return value === "" ? "–" : `\`${value}\``;
};

const rowOf = ({ name, production, development, describes }: Setting): string =>
  `| \`${name}\` | ${shown(production)} | ${shown(development)} | ${describes} |`;

test("docs/configuration.md holds one row for each setting, in the order of src/config.ts, and no other", () => {
  const rows = readText("docs/configuration.md")
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    // The formatter pads the cells of a table.
    .map((line) => line.replaceAll(/ {2,}/g, " "));
  expect(rows).toEqual((Object.values(settings) as Setting[]).map(rowOf));
});

test("the documents say how many connections a process takes, and for what", () => {
  const named = Object.entries(ownConnections);
  const own = named.reduce((sum, [, count]) => sum + count, 0);
  const configuration = readText("docs/configuration.md").replaceAll("\n", " ");
  expect(configuration).toContain(`\`POSTRIDER_DATABASE_CONNECTIONS\` + ${own} connections`);
  expect(configuration).toContain(`\`max_connections\` of ${3 * (10 + own) + 3} and more`);
  const rows = [...readText("ARCHITECTURE.md").matchAll(/^\| `postrider (\w+)` +\| (\d+)/gm)];
  const told = rows.map(([, name, count]) => [name, Number(count)]);
  expect(told).toEqual([["api", 10], ...named]);
});

test("every variable that a document names is a setting", () => {
  const names = new Set<string>(Object.values(settings).map(({ name }) => name));
  // For the test run alone, and read there.
  names.add("POSTRIDER_TEST_DATABASE_URL");
  names.add("POSTRIDER_TEST_POSTGRES_BIN");
  for (const file of ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs/configuration.md"]) {
    const named = readText(file).match(/\bPOSTRIDER_[A-Z_]+\b/g) ?? [];
    expect(
      named.filter((name) => !names.has(name)),
      file,
    ).toEqual([]);
  }
});

test.each([
  ["POSTRIDER_PUBLIC_URL", "hooks.acme.test"],
  ["POSTRIDER_PUBLIC_URL", "ftp://hooks.example.com"],
  ["POSTRIDER_PUBLIC_URL", "https://hooks.example.com/base"],
  ["POSTRIDER_PUBLIC_URL", "https://user:password@hooks.example.com"],
  ["POSTRIDER_PUBLIC_URL", "https://hooks.example.com?a=b"],
  ["POSTRIDER_PORTAL_ORIGINS", "*"],
  ["POSTRIDER_PORTAL_ORIGINS", "https://app.acme.test,"],
  ["POSTRIDER_PORTAL_ORIGINS", "https://app.acme.test; script-src *"],
  ["POSTRIDER_PORTAL_ORIGINS", "https://app.acme.test/page"],
  ["POSTRIDER_OIDC_ISSUER", "login.acme.test"],
  ["POSTRIDER_OIDC_ISSUER", "http://login.acme.test"],
  ["POSTRIDER_OIDC_ISSUER", "http://127.0.0.1.acme.test"],
  ["POSTRIDER_OIDC_ISSUER", "https://me:hunter2@login.acme.test"],
  ["POSTRIDER_OIDC_ISSUER", "https://login.acme.test/?tenant=a"],
  ["POSTRIDER_OIDC_CLIENT_ID", "two words"],
  ["POSTRIDER_OIDC_CLIENT_SECRET", "hunter2 with blanks"],
  ["POSTRIDER_OIDC_NAME", "A name of\nlines"],
  ["POSTRIDER_OIDC_SCOPE", "profile email"],
  ["POSTRIDER_OIDC_TEAMS_CLAIM", "my teams"],
  ["POSTRIDER_OIDC_SCOPES_CLAIM", "my scopes"],
  ["PORT", "65536"],
  ["PORT", "-1"],
  ["PORT", "80a"],
  ["PORT", "1e3"],
  ["DATABASE_URL", "mysql://postrider:hunter2@db/postrider"],
  ["DATABASE_URL", "postgresql://postrider:hunter2@[db/postrider"],
  ["DATABASE_REPLICA_URL", "mysql://postrider:hunter2@db/postrider"],
  ["POSTRIDER_API_KEY", "hunter2"],
  ["POSTRIDER_API_KEY", "hunter2 with blanks in it"],
  ["POSTRIDER_ENCRYPTION_KEY", "hunter2"],
  ["POSTRIDER_ENCRYPTION_KEY", `${key},hunter2`],
  ["POSTRIDER_ENCRYPTION_KEY", `${key},`],
  ["POSTRIDER_ENCRYPTION_KEY", key.slice(2)],
  ["POSTRIDER_ALLOW_HTTP", "yes"],
  ["POSTRIDER_EGRESS_ALLOW", "10.0.0.1/8"],
  ["POSTRIDER_EGRESS_ALLOW", "11.0.0.0/8,"],
  ["POSTRIDER_EGRESS_ALLOW", "intranet"],
  ["POSTRIDER_HEADER_PREFIX", "authorization"],
  ["POSTRIDER_HEADER_PREFIX", "x-acme-"],
  ["POSTRIDER_HEADER_PREFIX", "x-acme: evil"],
  ["POSTRIDER_EGRESS_PROXY", "https://post:hunter2@proxy:3128"],
  ["POSTRIDER_EGRESS_PROXY", "proxy:3128"],
  ["POSTRIDER_EGRESS_PROXY", "http://post:hunter2@proxy:99999"],
  ["POSTRIDER_EGRESS_PROXY", "http://post:hunter2%@proxy:3128"],
  ["POSTRIDER_EGRESS_PROXY", "http://proxy:3128/hunter2"],
  ["POSTRIDER_EGRESS_PROXY", "socks5://proxy:1080"],
  ["POSTRIDER_EGRESS_PROXY_NAMES", "yes"],
  ["POSTRIDER_USER_AGENT", "Postr\u00efder"],
  ["POSTRIDER_USER_AGENT", "Postrider\r\nX-Evil: 1"],
  ["POSTRIDER_CONCURRENCY", "1000000000"],
  ["POSTRIDER_SUBSCRIPTION_CONCURRENCY", "3"],
  ["POSTRIDER_DATABASE_CONNECTIONS", "1"],
  ["POSTRIDER_INGEST_QUEUE", "99"],
  ["POSTRIDER_RATE_LIMIT", "1000001"],
  ["POSTRIDER_RATE_BURST", "none"],
  ["POSTRIDER_WEBHOOKS_MAX", "none"],
  ["POSTRIDER_ASSISTANTS_MAX", "1000001"],
  ["POSTRIDER_API_KEYS_MAX", "none"],
  ["POSTRIDER_TEAMS_MAX", "10001"],
  ["POSTRIDER_SHUTDOWN_SECONDS", "601"],
  ["POSTRIDER_LOG_LEVEL", "loud"],
  ["OTEL_EXPORTER_OTLP_ENDPOINT", "otel:4318"],
  ["OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:hunter2@collector:4318"],
  ["OTEL_EXPORTER_OTLP_HEADERS", "hunter2"],
  ["OTEL_EXPORTER_OTLP_HEADERS", "key=hunter2%"],
  ["OTEL_EXPORTER_OTLP_HEADERS", "key=hunter2%0a"],
])(
  "a wrong %s (%j) stops the start with one sentence that names it and does not quote it",
  (name, value) => {
    for (const environment of ["production", "development"] as const) {
      const message = refusal(environment, { ...production, [name]: value });
      expect(message).toMatch(new RegExp(`^${name} must [^\\n]+$`));
      expect(message).not.toContain(value);
      expect(message).not.toContain("hunter2");
      expect(message).not.toContain(key.slice(0, 16));
    }
  },
);

test("an issuer needs a client, and in production an address to come back to; without it nothing else is needed", () => {
  const issuer = "https://login.example.com/realms/acme";
  const client = { POSTRIDER_OIDC_ISSUER: issuer, POSTRIDER_OIDC_CLIENT_ID: "postrider" };
  for (const environment of ["production", "development"] as const) {
    expect(refusal(environment, { ...production, POSTRIDER_OIDC_ISSUER: issuer })).toBe(
      "POSTRIDER_OIDC_ISSUER needs POSTRIDER_OIDC_CLIENT_ID; set that as well.",
    );
    expect(readConfig(environment, production).oidc).toBeUndefined();
  }
  expect(refusal("production", { ...production, ...client })).toBe(
    "POSTRIDER_OIDC_ISSUER needs POSTRIDER_PUBLIC_URL; set that as well.",
  );
  const config = readConfig("production", {
    ...production,
    ...client,
    POSTRIDER_PUBLIC_URL: "https://hooks.example.com",
  });
  expect(config.oidc).toEqual({
    issuer,
    clientId: "postrider",
    clientSecret: undefined,
    name: "login.example.com",
    scope: "openid profile",
    teamsClaim: "postrider_teams",
    scopesClaim: "postrider_scopes",
  });
  expect(readConfig("development", client).oidc?.issuer).toBe(issuer);

  // Whoever tells of all that is wrong goes on without it.
  const env = { ...production, ...client, POSTRIDER_OIDC_CLIENT_SECRET: "hunter2-of-the-client" };
  const { config: right, wrong } = readConfigAsFarAsRight(env);
  expect(right.oidc).toBeUndefined();
  expect(wrong.map(({ message }) => message)).toEqual([
    "POSTRIDER_OIDC_ISSUER needs POSTRIDER_PUBLIC_URL; set that as well.",
  ]);
  expect(secretsOfSettings(env)).toContain("hunter2-of-the-client");
});

test("a setting that was replaced stops the start and names the one to set", () => {
  for (const environment of ["production", "development"] as const) {
    expect(refusal(environment, { ...production, POSTRIDER_SECRET_HEADER: "x-acme-secret" })).toBe(
      "POSTRIDER_SECRET_HEADER is no longer a setting. Set POSTRIDER_HEADER_PREFIX instead, for instance to x-acme for the header x-acme-secret.",
    );
  }
  expect(
    readConfig("production", { ...production, POSTRIDER_SECRET_HEADER: "" }).headerPrefix,
  ).toBe("x-interactly");
});

test.each(["DATABASE_URL", "POSTRIDER_ENCRYPTION_KEY"])(
  "production does not start without %s",
  (name) => {
    for (const missing of ["", "   "]) {
      expect(refusal("production", { ...production, [name]: missing })).toMatch(
        new RegExp(`^${name} is required: `),
      );
    }
    expect(readConfig("production", production).databaseUrl).toBe(production.DATABASE_URL);
  },
);

test("development needs nothing: it keeps to loopback, and the database and the keys are its own", () => {
  expect(readConfig("development", {})).toMatchObject({
    host: "127.0.0.1",
    port: 8080,
    databaseUrl: undefined,
    bootstrapApiKey: undefined,
    encryptionKeys: [],
    allowHttp: true,
    logLevel: "warn",
  });
});

test("production delivers to no private address and not over plain HTTP, unless it is configured to", () => {
  const config = readConfig("production", production);
  expect(config).toMatchObject({ allowHttp: false, egressAllow: [] });
});

test("a value that is given wins over a development default", () => {
  const config = readConfig("development", {
    ...production,
    HOST: "0.0.0.0",
    POSTRIDER_ALLOW_HTTP: "0",
    POSTRIDER_EGRESS_ALLOW: "10.0.0.0/8",
    POSTRIDER_LOG_LEVEL: " debug ",
  });
  expect(config).toMatchObject({
    host: "0.0.0.0",
    databaseUrl: production.DATABASE_URL,
    allowHttp: false,
    logLevel: "debug",
  });
  expect(config.egressAllow).toHaveLength(1);
  expect(config.encryptionKeys).toEqual([Buffer.from(key, "hex")]);
});

test("an egress proxy is read with its credentials, which are decoded, and names need one", () => {
  const read = (POSTRIDER_EGRESS_PROXY: string, names = "0") =>
    readConfig("production", {
      ...production,
      POSTRIDER_EGRESS_PROXY,
      POSTRIDER_EGRESS_PROXY_NAMES: names,
    }).egressProxy;
  const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;
  expect(read("")).toBeUndefined();
  expect(read("http://proxy.internal:3128")).toEqual({
    host: "proxy.internal",
    port: 3128,
    authorization: undefined,
    resolvesNames: false,
  });
  expect(read("http://a%40b:c%3Ad@[fd12::1]/", "1")).toEqual({
    host: "fd12::1",
    port: 80,
    authorization: basic("a@b:c:d"),
    resolvesNames: true,
  });
  expect(read("http://token@proxy:3128")?.authorization).toBe(basic("token:"));
  expect(refusal("production", { ...production, POSTRIDER_EGRESS_PROXY_NAMES: "1" })).toBe(
    "POSTRIDER_EGRESS_PROXY_NAMES must be 0 without POSTRIDER_EGRESS_PROXY.",
  );
});

test("several encryption keys keep their order, as hex or base64", () => {
  const second = Buffer.alloc(32, 7);
  const given = `${key}, ${second.toString("base64")}`;
  expect(
    readConfig("production", { ...production, POSTRIDER_ENCRYPTION_KEY: given }).encryptionKeys,
  ).toEqual([Buffer.from(key, "hex"), second]);
});

test("the version stands in the User-Agent, unless the operator has another name", () => {
  const { version, userAgent } = readConfig("production", production);
  expect(userAgent).toBe(`Postrider/${version}`);
  const named = { ...production, POSTRIDER_USER_AGENT: "Acme-Hooks/1" };
  expect(readConfig("production", named).userAgent).toBe("Acme-Hooks/1");
});

test("`postrider migrate` needs DATABASE_URL and nothing else", () => {
  expect(readDatabaseUrl({ DATABASE_URL: production.DATABASE_URL })).toBe(production.DATABASE_URL);
  expect(() => readDatabaseUrl({})).toThrow(/^DATABASE_URL is required: /);
});
