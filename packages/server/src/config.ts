import { readFileSync } from "node:fs";
import path from "node:path";
import { parseDatabaseUrl, secretsOfUrls } from "./database-url.ts";
import { type Cidr, parseCidr } from "./domain/address.ts";
import { packageFile } from "./package-file.ts";

/** Connections to PostgreSQL of every process besides those of the API, by their names in pg_stat_activity. */
export const ownConnections = {
  keys: 2,
  ingest: 2,
  results: 3,
  claims: 2,
  upkeep: 3,
  listen: 1,
} as const;

/** Every setting of the service, parsed once. docs/configuration.md holds the same table; a test compares them. */
export type Config = {
  environment: Environment;
  version: string;
  host: string;
  port: number;
  /** The origin of this service for people and their browsers. */
  publicUrl: string | undefined;
  /** The origins whose pages may show the portal in a frame. */
  portalOrigins: readonly string[];
  /** The provider for sign-ins; undefined: only API keys. */
  oidc: Oidc | undefined;
  /** Undefined: the service runs its own PostgreSQL in `dataDirectory`. */
  databaseUrl: string | undefined;
  /** The URL of a streaming standby for lists. */
  replicaUrl: string | undefined;
  dataDirectory: string;
  bootstrapApiKey: string | undefined;
  /** 32-byte keys, the sealing one first. Empty in development until the service makes its own. */
  encryptionKeys: readonly Buffer[];
  allowHttp: boolean;
  egressAllow: readonly Cidr[];
  /** The proxy of all requests to receivers. */
  egressProxy: EgressProxy | undefined;
  userAgent: string;
  /** The prefix of the service's own header names, lower case. */
  headerPrefix: string;
  concurrency: number;
  subscriptionConcurrency: number;
  databaseConnections: number;
  ingestQueue: number;
  /** The rate limit of one API key in this process. */
  rateLimit: { perSecond: number; burst: number };
  /** The most objects of a kind of a team, or teams of an API key. */
  quotas: { webhooks: number; assistants: number; apiKeys: number; teams: number };
  retentionDays: number;
  shutdownSeconds: number;
  logLevel: LogLevel;
  /** The collector of spans; undefined: tracing is off. */
  traceEndpoint: string | undefined;
  /** Headers of requests to the collector; they may be secrets. */
  traceHeaders: Readonly<Record<string, string>>;
};

export type Environment = "development" | "production";

/** A provider of OpenID Connect, and the claims to read. */
export type Oidc = {
  /** Exactly as the provider names itself. */
  issuer: string;
  clientId: string;
  /** Undefined: a public client. */
  clientSecret: string | undefined;
  /** Its name on the sign-in button. */
  name: string;
  /** The OAuth scopes to request. */
  scope: string;
  teamsClaim: string;
  scopesClaim: string;
};

/** A proxy that makes tunnels (HTTP CONNECT). */
export type EgressProxy = {
  host: string;
  port: number;
  /** The value of `Proxy-Authorization`: a secret. */
  authorization: string | undefined;
  /** Whether the proxy gets the receiver's name and resolves it itself. */
  resolvesNames: boolean;
};

const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

/** A wrong setting. The message is one sentence for the operator and never contains a secret. */
export class ConfigError extends Error {}

/** One row of docs/configuration.md. */
export type Setting<T = unknown> = {
  name: string;
  /** The default of `postrider serve`; `required`: it must be set. */
  production: string;
  /** The default of `postrider dev`. */
  development: string;
  describes: string;
  parse: (text: string, name: string) => T;
};

/** The settings, in the order of the table. Defaults are written as in the environment. */
export const settings = {
  port: setting("PORT", {
    default: "8080",
    describes: "Port of the API; 0 selects a free port.",
    parse: integer(0, 65_535),
  }),
  host: setting("HOST", {
    default: "0.0.0.0",
    development: "127.0.0.1",
    describes: "Address the API listens on.",
    parse: text,
  }),
  publicUrl: setting("POSTRIDER_PUBLIC_URL", {
    default: "",
    describes:
      "The URL under which browsers reach this service, such as `https://hooks.example.com`. Login and portal links begin with it, and changes with a session cookie are accepted from this origin only. Empty: the address the API listens on, reachable from this machine only.",
    parse: optional(origin),
  }),
  portalOrigins: setting("POSTRIDER_PORTAL_ORIGINS", {
    default: "",
    describes:
      "Origins (comma-separated, such as `https://app.example.com`) whose pages may show the portal in a frame. Empty: none.",
    parse: origins,
  }),
  oidcIssuer: setting("POSTRIDER_OIDC_ISSUER", {
    default: "",
    describes:
      "The OpenID Connect provider with which people sign in to the dashboard, as it names itself: `https://login.example.com/realms/acme`. Empty: they sign in with API keys.",
    parse: optional(issuer),
  }),
  oidcClientId: setting("POSTRIDER_OIDC_CLIENT_ID", {
    default: "",
    describes: "The provider's name for this service. Required with an issuer.",
    parse: optional(printable(300)),
  }),
  oidcClientSecret: setting("POSTRIDER_OIDC_CLIENT_SECRET", {
    default: "",
    describes: "The secret that the provider gave with it. Empty: a public client.",
    parse: optional(printable(1_000)),
  }),
  oidcName: setting("POSTRIDER_OIDC_NAME", {
    default: "",
    describes: "The name on the button: “Sign in with …”. Empty: the host of the issuer.",
    parse: optional(buttonName),
  }),
  oidcScope: setting("POSTRIDER_OIDC_SCOPE", {
    default: "openid profile",
    describes:
      "What the provider is asked for (`scope`): as much as it takes for the claims below.",
    parse: oidcScope,
  }),
  oidcTeamsClaim: setting("POSTRIDER_OIDC_TEAMS_CLAIM", {
    default: "postrider_teams",
    describes:
      "The claim that says which teams a person reaches: a list of team ids, or `default` for the default team. Somebody without one is not let in.",
    parse: printable(200),
  }),
  oidcScopesClaim: setting("POSTRIDER_OIDC_SCOPES_CLAIM", {
    default: "postrider_scopes",
    describes:
      "The claim that says what a person may do: a list of `read`, `write`, `publish`, `payload`, `admin`. Without it: `read`.",
    parse: printable(200),
  }),
  databaseUrl: setting("DATABASE_URL", {
    default: "required",
    development: "",
    describes:
      "PostgreSQL 14 or later, as `postgresql://…`. With several hosts (`host1:5432,host2:5432`), the service uses the writable one. Empty in development: the service runs its own PostgreSQL.",
    parse: optional(databaseUrl),
  }),
  replicaUrl: setting("DATABASE_REPLICA_URL", {
    default: "",
    describes:
      "A streaming standby of that PostgreSQL, as `postgresql://…`. Lists are read from the standby if it has caught up, otherwise from the primary.",
    parse: optional(databaseUrl),
  }),
  dataDirectory: setting("POSTRIDER_DATA_DIR", {
    default: ".postrider",
    describes: "Directory of the embedded PostgreSQL and of the development keys.",
    parse: (value) => path.resolve(value),
  }),
  bootstrapApiKey: setting("POSTRIDER_API_KEY", {
    default: "",
    describes: "An API key of at least 16 characters for the default team, with all scopes.",
    parse: optional(bootstrapKey),
  }),
  encryptionKeys: setting("POSTRIDER_ENCRYPTION_KEY", {
    default: "required",
    development: "",
    describes:
      "The key that encrypts secrets at rest: 32 bytes as 64 hex digits or base64. For a rotation, several keys, comma-separated: the first one encrypts, all decrypt. Empty in development: the service makes a key.",
    parse: encryptionKeys,
  }),
  allowHttp: setting("POSTRIDER_ALLOW_HTTP", {
    default: "0",
    development: "1",
    describes: "1 allows receivers on plain `http`.",
    parse: flag,
  }),
  egressAllow: setting("POSTRIDER_EGRESS_ALLOW", {
    default: "",
    development: "127.0.0.0/8,::1/128",
    describes:
      "Private address ranges (CIDRs, comma-separated) in which receivers are allowed. A range of a private network also allows its host names. Cloud metadata services stay forbidden.",
    parse: cidrs,
  }),
  egressProxy: setting("POSTRIDER_EGRESS_PROXY", {
    default: "",
    describes:
      "A proxy (HTTP CONNECT) for all requests to receivers, as `http://user:password@host:port`. The service resolves and checks the addresses before the proxy gets them.",
    parse: optional(proxyUrl),
  }),
  egressProxyNames: setting("POSTRIDER_EGRESS_PROXY_NAMES", {
    default: "0",
    describes:
      "1 sends host names to the proxy, for a network in which only the proxy can resolve them. Then only the proxy checks the addresses.",
    parse: flag,
  }),
  userAgent: setting("POSTRIDER_USER_AGENT", {
    default: "Postrider/<version>",
    describes: "The `User-Agent` of every request to a receiver.",
    parse: headerText,
  }),
  headerPrefix: setting("POSTRIDER_HEADER_PREFIX", {
    default: "x-interactly",
    describes:
      "The prefix of the service's own headers; `-secret`, `-signature` and `-timestamp` follow. Custom headers of subscriptions may not begin with it.",
    parse: headerPrefix,
  }),
  concurrency: setting("POSTRIDER_CONCURRENCY", {
    default: "1000",
    describes: "Maximum number of attempts in flight in this process.",
    parse: integer(1, 20_000),
  }),
  subscriptionConcurrency: setting("POSTRIDER_SUBSCRIPTION_CONCURRENCY", {
    default: "256",
    describes: "Maximum number of attempts in flight for one subscription.",
    parse: integer(4, 5_000),
  }),
  databaseConnections: setting("POSTRIDER_DATABASE_CONNECTIONS", {
    default: "10",
    describes:
      "Database connections for the API's reads. Facts, results and claims use a few additional connections.",
    parse: integer(2, 200),
  }),
  ingestQueue: setting("POSTRIDER_INGEST_QUEUE", {
    default: "10000",
    describes:
      "Maximum number of facts that wait for a commit in this process; above it, callers get 503.",
    parse: integer(100, 1_000_000),
  }),
  rateLimit: setting("POSTRIDER_RATE_LIMIT", {
    default: "1000",
    development: "0",
    describes:
      "Sustained requests per second of one API key to this process; above it, callers get 429. 0: no limit.",
    parse: integer(0, 1_000_000),
  }),
  rateBurst: setting("POSTRIDER_RATE_BURST", {
    default: "2000",
    describes: "Maximum number of requests that one API key may make at once after a pause.",
    parse: integer(1, 1_000_000),
  }),
  webhooksMax: setting("POSTRIDER_WEBHOOKS_MAX", {
    default: "1000",
    describes: "Maximum number of webhooks of a team, contracts A and B together.",
    parse: integer(1, 100_000),
  }),
  assistantsMax: setting("POSTRIDER_ASSISTANTS_MAX", {
    default: "10000",
    describes: "Maximum number of assistants of a team.",
    parse: integer(1, 1_000_000),
  }),
  apiKeysMax: setting("POSTRIDER_API_KEYS_MAX", {
    default: "1000",
    describes: "Maximum number of valid API keys (not revoked, not expired) that reach a team.",
    parse: integer(1, 100_000),
  }),
  teamsMax: setting("POSTRIDER_TEAMS_MAX", {
    default: "1000",
    describes:
      "Maximum number of teams that an API key reaches; above it, the key cannot create more.",
    parse: integer(1, 10_000),
  }),
  retentionDays: setting("POSTRIDER_RETENTION_DAYS", {
    default: "30",
    describes:
      "Number of whole UTC days for which payloads, deliveries and attempts are kept. A team can choose fewer days, not more.",
    parse: integer(1, 3_650),
  }),
  shutdownSeconds: setting("POSTRIDER_SHUTDOWN_SECONDS", {
    default: "70",
    describes: "Maximum time to wait for attempts in flight when the process stops.",
    parse: integer(1, 600),
  }),
  logLevel: setting("POSTRIDER_LOG_LEVEL", {
    default: "info",
    development: "warn",
    describes: "`trace`, `debug`, `info`, `warn`, `error`, `fatal` or `silent`.",
    parse: oneOf(logLevels),
  }),
  traceEndpoint: setting("OTEL_EXPORTER_OTLP_ENDPOINT", {
    default: "",
    describes:
      "An OpenTelemetry collector for OTLP over HTTP, such as `http://collector:4318`. It gets spans for recorded facts, claimed deliveries and attempts. Empty: no spans.",
    parse: optional(collectorUrl),
  }),
  traceHeaders: setting("OTEL_EXPORTER_OTLP_HEADERS", {
    default: "",
    describes: "Headers for the collector, as `name=value,name=value`, percent-encoded.",
    parse: collectorHeaders,
  }),
} as const;

/**
 * Reads the settings. A given value replaces the default; an empty value counts as not given.
 *
 * Throws `ConfigError` with one sentence for the first wrong value.
 */
export function readConfig(
  environment: Environment,
  env: Record<string, string | undefined> = process.env,
): Config {
  refuseReplaced(env);
  return configOf(environment, (one) => readSetting(one, environment, env));
}

function configOf(environment: Environment, read: <T>(one: Setting<T>) => T): Config {
  return {
    environment,
    version: packageVersion,
    host: read(settings.host),
    port: read(settings.port),
    publicUrl: read(settings.publicUrl),
    portalOrigins: read(settings.portalOrigins),
    oidc: oidcOf(environment, read),
    databaseUrl: read(settings.databaseUrl),
    replicaUrl: read(settings.replicaUrl),
    dataDirectory: read(settings.dataDirectory),
    bootstrapApiKey: read(settings.bootstrapApiKey),
    encryptionKeys: read(settings.encryptionKeys),
    allowHttp: read(settings.allowHttp),
    egressAllow: read(settings.egressAllow),
    egressProxy: egressProxy(read(settings.egressProxy), read(settings.egressProxyNames)),
    userAgent: read(settings.userAgent),
    headerPrefix: read(settings.headerPrefix),
    concurrency: read(settings.concurrency),
    subscriptionConcurrency: read(settings.subscriptionConcurrency),
    databaseConnections: read(settings.databaseConnections),
    ingestQueue: read(settings.ingestQueue),
    rateLimit: { perSecond: read(settings.rateLimit), burst: read(settings.rateBurst) },
    quotas: {
      webhooks: read(settings.webhooksMax),
      assistants: read(settings.assistantsMax),
      apiKeys: read(settings.apiKeysMax),
      teams: read(settings.teamsMax),
    },
    retentionDays: read(settings.retentionDays),
    shutdownSeconds: read(settings.shutdownSeconds),
    logLevel: read(settings.logLevel),
    traceEndpoint: read(settings.traceEndpoint),
    traceHeaders: read(settings.traceHeaders),
  };
}

/** The provider, if one is set; it needs a client, and in production the service's public URL. */
function oidcOf(environment: Environment, read: <T>(one: Setting<T>) => T): Oidc | undefined {
  const issuer = read(settings.oidcIssuer);
  const clientId = read(settings.oidcClientId);
  const oidc = {
    clientSecret: read(settings.oidcClientSecret),
    name: read(settings.oidcName) ?? (issuer ? new URL(issuer).host : ""),
    scope: read(settings.oidcScope),
    teamsClaim: read(settings.oidcTeamsClaim),
    scopesClaim: read(settings.oidcScopesClaim),
  };
  if (issuer === undefined) return undefined;
  if (clientId === undefined) throw needs(settings.oidcIssuer, settings.oidcClientId);
  // In development, the listening address is the public URL; in production only the operator knows it.
  if (environment === "production" && read(settings.publicUrl) === undefined) {
    throw needs(settings.oidcIssuer, settings.publicUrl);
  }
  return { issuer, clientId, ...oidc };
}

const needs = (one: { name: string }, other: { name: string }): ConfigError =>
  new ConfigError(`${one.name} needs ${other.name}; set that as well.`);

/**
 * Reads all valid settings, for commands that report all wrong ones; wrong settings have their defaults.
 *
 * With DATABASE_URL it reads them as in production, without it as in development.
 */
export function readConfigAsFarAsRight(env: Record<string, string | undefined> = process.env): {
  config: Config;
  wrong: ConfigError[];
} {
  const environment = env[settings.databaseUrl.name]?.trim() ? "production" : "development";
  const wrong: ConfigError[] = [];
  const unless = <T>(read: () => T, instead: () => T): T => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      wrong.push(error);
      return instead();
    }
  };
  const read = <T>(one: Setting<T>): T =>
    unless(
      () => readSetting(one, environment, env),
      // A setting that production requires has a default only in development.
      () => readSetting(one, one.production === "required" ? "development" : environment, {}),
    );
  unless(
    () => refuseReplaced(env),
    () => {},
  );
  const config = unless(
    () => configOf(environment, read),
    // Each setting is valid, but two of them contradict each other.
    () =>
      configOf(environment, (one) =>
        one === settings.egressProxyNames
          ? (false as never)
          : one === settings.oidcIssuer
            ? (undefined as never)
            : read(one),
      ),
  );
  return { config, wrong };
}

/** All secrets in the settings, as written and as decoded. */
export function secretsOfSettings(env: Record<string, string | undefined> = process.env): string[] {
  const {
    databaseUrl,
    replicaUrl,
    egressProxy,
    encryptionKeys,
    bootstrapApiKey,
    oidcClientSecret,
    traceHeaders,
  } = settings;
  return [
    ...secretsOfUrls([env[databaseUrl.name], env[replicaUrl.name], env[egressProxy.name]]),
    ...(env[encryptionKeys.name]?.split(",") ?? []),
    env[bootstrapApiKey.name] ?? "",
    env[oidcClientSecret.name] ?? "",
    ...(env[traceHeaders.name]?.split(",").map((header) => header.replace(/^[^=]*=/, "")) ?? []),
  ]
    .map((secret) => secret.trim())
    .filter((secret) => secret !== "");
}

/** Removed settings, and what to set instead. They are refused: if they were ignored, receivers would get different requests. */
const replaced: Readonly<Record<string, string>> = {
  POSTRIDER_SECRET_HEADER:
    "Set POSTRIDER_HEADER_PREFIX instead, for instance to x-acme for the header x-acme-secret.",
};

function refuseReplaced(env: Record<string, string | undefined>): void {
  for (const [name, instead] of Object.entries(replaced)) {
    if (env[name]?.trim()) throw new ConfigError(`${name} is no longer a setting. ${instead}`);
  }
}

function readSetting<T>(
  one: Setting<T>,
  environment: Environment,
  env: Record<string, string | undefined>,
): T {
  const given = env[one.name]?.trim();
  const fallback = environment === "development" ? one.development : one.production;
  const value = given === undefined || given === "" ? fallback : given;
  if (value === "required") {
    throw new ConfigError(`${one.name} is required: ${one.describes}`);
  }
  return one.parse(value.replace("<version>", packageVersion), one.name);
}

/** Reads the one setting that `postrider migrate` needs. */
export function readDatabaseUrl(env: Record<string, string | undefined> = process.env): string {
  return readSetting(settings.databaseUrl, "production", env) ?? "";
}

/** Reads the two settings that `postrider keys` needs. */
export function readKeySettings(env: Record<string, string | undefined> = process.env): {
  databaseUrl: string;
  encryptionKeys: readonly Buffer[];
} {
  return {
    databaseUrl: readDatabaseUrl(env),
    encryptionKeys: readSetting(settings.encryptionKeys, "production", env),
  };
}

/** The environment of the commands that use a service. */
export type ClientSettings = {
  url: string | undefined;
  apiKey: string | undefined;
  /** The signing secret that a receiver verifies with. */
  webhookSecret: string | undefined;
  /** XDG_CONFIG_HOME, where programs keep their settings. */
  configHome: string | undefined;
};

/** Reads the environment of the commands that use a service; an empty value counts as not given. */
export function readClientSettings(
  env: Record<string, string | undefined> = process.env,
): ClientSettings {
  const read = (name: string) => env[name]?.trim() || undefined;
  return {
    url: read("POSTRIDER_URL"),
    apiKey: read(settings.bootstrapApiKey.name),
    webhookSecret: read("POSTRIDER_WEBHOOK_SECRET"),
    configHome: read("XDG_CONFIG_HOME"),
  };
}

/** The version of this service. */
export const packageVersion: string = JSON.parse(
  readFileSync(packageFile("package.json"), "utf8"),
).version;

function setting<T>(
  name: string,
  given: {
    default: string;
    development?: string;
    describes: string;
    parse: (text: string, name: string) => T;
  },
): Setting<T> {
  const { describes, parse } = given;
  return {
    name,
    production: given.default,
    development: given.development ?? given.default,
    describes,
    parse,
  };
}

function text(value: string): string {
  return value;
}

function optional<T>(parse: (value: string, name: string) => T) {
  return (value: string, name: string): T | undefined =>
    value === "" ? undefined : parse(value, name);
}

function integer(min: number, max: number) {
  return (value: string, name: string): number => {
    const number = Number(value);
    if (!/^\d{1,9}$/.test(value) || number < min || number > max) {
      throw new ConfigError(`${name} must be a whole number from ${min} to ${max}.`);
    }
    return number;
  };
}

function flag(value: string, name: string): boolean {
  if (value !== "0" && value !== "1") throw new ConfigError(`${name} must be 0 or 1.`);
  return value === "1";
}

function oneOf<const T extends readonly string[]>(allowed: T) {
  return (value: string, name: string): T[number] => {
    if (!allowed.includes(value))
      throw new ConfigError(`${name} must be one of ${allowed.join(", ")}.`);
    return value;
  };
}

function origin(value: string, name: string): string {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || `${url.origin}/` !== url.href) {
    throw new ConfigError(`${name} must be a URL like https://hooks.example.com, without a path.`);
  }
  return url.origin;
}

function origins(value: string, name: string): string[] {
  return value === "" ? [] : value.split(",").map((part) => origin(part.trim(), name));
}

function issuer(value: string, name: string): string {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const bare = url && `${url.username}${url.password}${url.search}${url.hash}` === "";
  const loopback = /^(?:127\.\d+\.\d+\.\d+|\[::1\]|localhost)$/.test(url?.hostname ?? "");
  if (!bare || !(url.protocol === "https:" || (url.protocol === "http:" && loopback))) {
    throw new ConfigError(
      `${name} must be a URL like https://login.example.com; plain http only on this machine.`,
    );
  }
  return value;
}

function printable(lengthMax: number) {
  return (value: string, name: string): string => {
    if (!/^[\x21-\x7e]+$/.test(value) || value.length > lengthMax) {
      throw new ConfigError(
        `${name} must be 1 to ${lengthMax} printable ASCII characters without blanks.`,
      );
    }
    return value;
  };
}

function buttonName(value: string, name: string): string {
  if (/\p{C}/u.test(value) || value.length > 60) {
    throw new ConfigError(`${name} must be 1 to 60 characters in one line.`);
  }
  return value;
}

function oidcScope(value: string, name: string): string {
  const names = value.split(" ");
  if (!names.includes("openid") || !names.every((one) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(one))) {
    throw new ConfigError(`${name} must be names with blanks between them, openid among them.`);
  }
  return value;
}

function databaseUrl(value: string, name: string): string {
  if (!parseDatabaseUrl(value)) {
    const attrs = /[?&]target_session_attrs=/.test(value)
      ? "; its target_session_attrs can be read-write, primary or any"
      : "";
    throw new ConfigError(
      `${name} must be a URL like postgresql://user:password@host:5432/name${attrs}.`,
    );
  }
  return value;
}

function bootstrapKey(value: string, name: string): string {
  if (!/^[\x21-\x7e]{16,200}$/.test(value)) {
    throw new ConfigError(`${name} must be 16 to 200 printable characters without blanks.`);
  }
  return value;
}

function encryptionKeys(value: string, name: string): Buffer[] {
  if (value === "") return [];
  return value.split(",").map((part) => {
    const text = part.trim();
    const isHex = /^[0-9a-f]{64}$/i.test(text);
    // Node also decodes invalid base64, and ignores invalid characters.
    const isBase64 = /^[A-Za-z0-9+/]{43}=?$/.test(text);
    const key = Buffer.from(text, isHex ? "hex" : "base64");
    if (key.length !== 32 || !(isHex || isBase64)) {
      throw new ConfigError(
        `${name} must hold 32 bytes as 64 hex digits or base64; make one with: openssl rand -hex 32`,
      );
    }
    return key;
  });
}

function cidrs(value: string, name: string): Cidr[] {
  if (value === "") return [];
  return value.split(",").map((part) => {
    const cidr = parseCidr(part.trim());
    if (!cidr) throw new ConfigError(`${name} must be a list of CIDRs like 10.0.0.0/8,fd00::/8.`);
    return cidr;
  });
}

function proxyUrl(value: string, name: string): Omit<EgressProxy, "resolvesNames"> {
  const refusal = new ConfigError(`${name} must be a URL like http://user:password@host:3128.`);
  if (!/^http:\/\/[^/?#\s]+\/?$/i.test(value) || !URL.canParse(value)) throw refusal;
  const { hostname, port, username, password } = new URL(value);
  try {
    const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    return {
      host: hostname.replace(/^\[(.*)\]$/, "$1"),
      port: Number(port || 80),
      authorization:
        credentials === ":" ? undefined : `Basic ${Buffer.from(credentials).toString("base64")}`,
    };
  } catch {
    throw refusal; // An invalid percent-encoding.
  }
}

function egressProxy(
  proxy: Omit<EgressProxy, "resolvesNames"> | undefined,
  resolvesNames: boolean,
): EgressProxy | undefined {
  if (resolvesNames && !proxy) {
    const { egressProxy, egressProxyNames } = settings;
    throw new ConfigError(`${egressProxyNames.name} must be 0 without ${egressProxy.name}.`);
  }
  return proxy && { ...proxy, resolvesNames };
}

function collectorUrl(value: string, name: string): string {
  if (!/^https?:\/\/[^/?#\s@]+(?:\/[^?#\s]*)?$/i.test(value) || !URL.canParse(value)) {
    throw new ConfigError(`${name} must be a URL like http://collector:4318.`);
  }
  return value;
}

function collectorHeaders(value: string, name: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const part of value === "" ? [] : value.split(",")) {
    const [, key, encoded] = /^\s*([A-Za-z0-9!#$&'*+.^_`|~-]+)=([\x21-\x7e]*)\s*$/.exec(part) ?? [];
    try {
      if (key === undefined || encoded === undefined) throw new URIError();
      headers[key] = headerText(decodeURIComponent(encoded), name);
    } catch {
      throw new ConfigError(`${name} must be a list like name=value,name=value, percent-encoded.`);
    }
  }
  return headers;
}

function headerPrefix(value: string, name: string): string {
  if (!/^x(-[a-z0-9]{1,50}){1,3}$/i.test(value)) {
    throw new ConfigError(
      `${name} must be the beginning of header names, such as x-acme, without a hyphen at its end.`,
    );
  }
  return value.toLowerCase();
}

function headerText(value: string, name: string): string {
  if (!/^[\x20-\x7e]{1,200}$/.test(value)) {
    throw new ConfigError(`${name} must be 1 to 200 printable ASCII characters.`);
  }
  return value;
}
