import { mkdirSync } from "node:fs";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Logger } from "pino";
import { eraseTeam } from "./actions/erase-team.ts";
import { rememberKeys } from "./actions/remember-keys.ts";
import { openApp } from "./api/app.ts";
import { readApplication } from "./built-files.ts";
import { type Config, ownConnections } from "./config.ts";
import { ensureBootstrapKey, retireBootstrapKey } from "./db/api-keys.ts";
import { isStorageUnavailable } from "./db/errors.ts";
import { openListReads } from "./db/list-reads.ts";
import { listPendingMigrationsOf } from "./db/migrate.ts";
import { keepPersonOfAnyTeam } from "./db/people.ts";
import { type Database, openDatabase, openTeamDatabase, type TeamDatabase } from "./db/pool.ts";
import { reachSchema } from "./db/reach-schema.ts";
import { holdsWall } from "./db/team-wall.ts";
import { ensureDefaultTeam } from "./db/teams.ts";
import type { Dispatcher } from "./dispatcher/dispatcher.ts";
import type { OperatorFetch } from "./dispatcher/operator-fetch.ts";
import type { SenderOptions } from "./dispatcher/send.ts";
import { parseTargetUrl } from "./domain/target-url.ts";
import { openEmbeddedPostgres } from "./embedded-postgres/open.ts";
import { type EngineSeams, openEngine } from "./engine.ts";
import { openJanitor, prepare } from "./janitor/janitor.ts";
import { openLog } from "./log.ts";
import { openMetrics } from "./metrics.ts";
import { openOutage } from "./outage.ts";
import { tellWhileWaiting, withinMs } from "./patience.ts";
import { type Keyring, openKeyring } from "./secrets.ts";
import { databaseProblem, StartError } from "./start-error.ts";
import { openTracing } from "./tracing.ts";
import { openListenerWatch } from "./watch/listeners.ts";
import { observe, openCounts } from "./watch/measures.ts";
import { type OperationalWatch, openOperationalWatch } from "./watch/operational.ts";
import { openReplays, type Replays } from "./watch/replays.ts";
import { openSurveys } from "./watch/survey.ts";
import { openTimers } from "./watch/timers.ts";
import { openWatchdog, type Watchdog } from "./watch/watchdog.ts";

/** A running service. */
export type Server = {
  url: string;
  port: number;
  databaseUrl: string;
  /** The owner's connections, without row security. */
  database: Database;
  keyring: Keyring;
  dispatcher: Dispatcher;
  /** Why this service would not deliver to a URL; undefined when it would. */
  reasonToRefuse(url: string): string | undefined;
  /** Stops in order: requests first, then attempts in flight, the database last. */
  close(): Promise<void>;
};

export type ServerOptions = {
  /** Called with lines for a person who watches the start; undefined: they go to the log. */
  onProgress?: (line: string) => void;
  /** Apply migrations at the start, as development does. */
  migrate: boolean;
  /** Cancels the start: it is undone, and rejects with the signal's reason. */
  stop?: AbortSignal;
  /** Test seams of the sender: DNS, sockets, certificate authorities. */
  sender?: Partial<SenderOptions>;
  /** Where log lines go instead of standard output. */
  log?: Logger;
  /**
   * Called once when the dispatcher has been stalled for a minute although the database answers: this process cannot
   * recover. The command line ends the process.
   */
  onHopeless?: (reason: string) => void;
  /** Test seams: how long the dispatcher may be stalled, and replacements of the engine's parts. */
  stalledMsMax?: number;
  engine?: EngineSeams;
};

const statementTimeoutMs = { api: 10_000, work: 30_000 };
const awayMessage =
  "the database cannot be reached or has closed connections; waiting work is kept and retried";
/** A hanging connection is given up after 35 s, and the claim is tried again: there must be time for that. */
const stalledMsMax = 60_000;
const readinessMsMax = 2_000;
const readinessPauseMs = 20;

/** Starts the whole service; resolves when it serves requests and delivers. */
export async function openServer(config: Config, options: ServerOptions): Promise<Server> {
  const log = options.log ?? openLog({ level: config.logLevel });
  const closers: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    return await start(config, options, log, closers, close);
  } catch (error) {
    await close().catch((failure) =>
      log.error({ err: failure }, "the failed start could not be cleaned up"),
    );
    // If the database went away during the start, the operator must check it; it is not a bug.
    const away = isStorageUnavailable(error) && !(error instanceof StartError);
    throw away ? databaseProblem(error) : error;
  }
}

async function start(
  config: Config,
  options: ServerOptions,
  log: Logger,
  closers: (() => Promise<void>)[],
  close: () => Promise<void>,
): Promise<Server> {
  const { migrate, stop } = options;
  const metrics = openMetrics();
  const counts = openCounts(metrics);

  const databaseUrl = config.databaseUrl ?? (await openOwnPostgres(config, options, closers));
  const tell = options.onProgress ?? ((line: string) => log.warn(line));
  await reachSchema({ databaseUrl, migrate, stop, tell });

  // Many parts notice an outage of the database, and each tries again: it is reported once, and once when it ends.
  const outage = openOutage({
    isAway: isStorageUnavailable,
    ask: () => listPendingMigrationsOf(upkeep),
    onAway: (error, seconds) => log.warn({ err: error, seconds }, awayMessage),
    onBack: (seconds) => log.info({ seconds }, "the database can be reached again"),
  });
  closers.push(async () => outage.close());
  const onError = (message: string, error: unknown) => {
    if (!outage.noticed(error)) log.error({ err: error }, message);
  };

  const kept = <Pool extends { close(): Promise<void> }>(pool: Pool): Pool => {
    closers.push(() => pool.close());
    return pool;
  };
  const connectionsMax = { ...ownConnections, api: config.databaseConnections };
  const connections = (name: keyof typeof connectionsMax, statementTimeoutMs: number) => ({
    url: databaseUrl,
    name,
    connectionsMax: connectionsMax[name],
    statementTimeoutMs,
    onError: (error: Error) => onError(`an idle connection (${name}) was lost`, error),
    watch: counts.poolWatch,
  });
  const { api, work } = statementTimeoutMs;
  const database = kept(openTeamDatabase({ role: "postrider_team", ...connections("api", api) }));
  const keys = kept(openTeamDatabase({ role: "postrider_keys", ...connections("keys", api) }));
  const lists = kept(
    openListReads({
      replicaUrl: config.replicaUrl,
      primary: database,
      connections: connections("api", api),
      onRead: counts.listRead,
      onAway: (error) =>
        log.warn({ err: error }, "the standby does not answer; lists are read from the primary"),
      onBack: () => log.info("the standby answers again; lists are read there"),
    }),
  );
  const upkeep = kept(openDatabase({ role: "owner", ...connections("upkeep", work) }));
  await insistOnWall(database);

  const keyring = openKeyring(config.encryptionKeys);
  await insistOnKeys(upkeep, keyring);
  await ensureDefaultTeam(upkeep.sql);
  if (config.bootstrapApiKey) await ensureBootstrapKey(upkeep, { key: config.bootstrapApiKey });
  else await retireBootstrapKey(upkeep.sql);
  await prepare(upkeep);

  let replays: Replays | undefined;
  const tracing = config.traceEndpoint
    ? openTracing({
        endpoint: config.traceEndpoint,
        headers: config.traceHeaders,
        version: config.version,
      })
    : undefined;
  closers.push(async () => tracing?.close());
  let operational: OperationalWatch | undefined;
  const engine = openEngine(
    config,
    {
      tracing,
      databaseUrl,
      keyring,
      random: Math.random,
      nowMs: Date.now,
      tally: counts.tally,
      poolWatch: counts.poolWatch,
      onLeaseLost: counts.leaseLost,
      onUnwanted: counts.unwanted,
      onReplay: () => replays?.wake(),
      onOperational: () => operational?.wake(),
      onResultsUnwritten: (error, count) => {
        if (outage.noticed(error)) return;
        log.warn({ err: error, count }, "results could not be written; they are kept and retried");
      },
      onLeftBehind: (error) =>
        log.warn(
          { err: error },
          "attempts were still in flight when the process stopped; their leases will expire",
        ),
      onError,
    },
    { ...options.engine, ...(options.sender && { sender: options.sender }) },
  );
  closers.push(() => engine.close());
  const { dispatcher } = engine;
  const recordFacts = engine.facts.record;

  const surveys = openSurveys({
    database: upkeep,
    standingOf: dispatcher.standingOf,
    retentionDays: config.retentionDays,
    nowMs: Date.now,
    onError,
  });
  closers.push(() => surveys.close());
  const watchdog = openWatchdog({
    progress: dispatcher.progress,
    oldestDueMs: () => surveys.latest()?.oldestDueMs ?? 0,
    askDatabase: () => withinMs(readinessMsMax, listPendingMigrationsOf(upkeep)),
    onChange(reason, seconds) {
      if (reason !== undefined) log.error({ reason }, "the dispatcher has stopped working");
      else log.warn({ seconds }, "the dispatcher works again");
    },
    onHopeless(reason) {
      log.fatal({ reason }, "the dispatcher has stopped working although the database answers");
      options.onHopeless?.(reason);
    },
    patienceMs: options.stalledMsMax ?? stalledMsMax,
  });
  closers.push(async () => watchdog.close());
  const observing = observe(metrics, { version: config.version, dispatcher, surveys, watchdog });
  closers.push(async () => observing.close());

  const operatorFetch = await operatorFetchOf(config, options.sender);
  if (operatorFetch) closers.push(() => operatorFetch.close());

  const app = await openApp({
    config,
    database,
    lists,
    keys,
    keyring,
    recordFacts,
    recordAllFacts: engine.facts.recordAll,
    onEnded: counts.ended,
    eraseTeam: (teamId, apiKeyId) => eraseTeam({ database: upkeep }, teamId, apiKeyId),
    listening: engine.listening,
    keepPerson: (person) => keepPersonOfAnyTeam(upkeep, person),
    ...(operatorFetch && { askProvider: operatorFetch.fetch }),
    // Loaded at the first use: its packages take a tenth of a second.
    answerMcp: async (exchange) => (await import("./mcp/over-http.ts")).answerMcp(exchange),
    builtDashboard: () => readApplication("dashboard"),
    builtSite: () => readApplication("site"),
    log,
    metrics,
    notReadyReason: () => notReadyReason(upkeep, watchdog),
    random: Math.random,
    nowMs: Date.now,
  });
  closers.push(() => app.close());
  const address = await listen(app, config);

  engine.start();
  watchdog.start();
  const timers = openTimers({ database: engine.claims, recordFacts, onError });
  closers.push(() => timers.close());
  replays = openReplays({
    database: engine.claims,
    teams: database,
    freeSlots: dispatcher.freeSlots,
    onDue(count) {
      counts.replayed(count);
      dispatcher.wake();
    },
    onError,
  });
  closers.push(async () => replays?.close());
  operational = openOperationalWatch({ database: engine.claims, vault: engine.vault, onError });
  closers.push(async () => operational?.close());
  const listeners = openListenerWatch({
    database: engine.claims,
    onEnded: counts.ended,
    onError,
  });
  closers.push(() => listeners.close());
  const janitor = openJanitor({
    database: upkeep,
    retentionDays: config.retentionDays,
    onEnded: counts.ended,
    onError,
  });
  closers.push(() => janitor.close());

  log.info(address, "postrider is listening");
  // A client may send requests as soon as this resolves, so /readyz must report ready by then.
  while (!stop?.aborted && (await notReadyReason(upkeep, watchdog)) !== undefined) {
    await pause(readinessPauseMs);
  }
  stop?.throwIfAborted();
  log.info({ url: address.url, version: config.version }, "postrider is ready");
  const stopInOrder = async () => {
    const { inFlight: count } = dispatcher;
    const seconds = config.shutdownSeconds;
    log.info({ count, seconds }, "postrider is stopping; attempts in flight finish first");
    await tellWhileWaiting(close(), (seconds) =>
      log.info({ count: dispatcher.inFlight, seconds }, "postrider is still stopping"),
    );
    log.info("postrider has stopped");
  };
  const reasonToRefuse = (url: string) => {
    const target = parseTargetUrl(url, config);
    return target.ok ? undefined : target.reason;
  };
  return {
    ...address,
    databaseUrl,
    database: upkeep,
    keyring,
    dispatcher,
    reasonToRefuse,
    close: stopInOrder,
  };
}

async function openOwnPostgres(
  config: Config,
  options: ServerOptions,
  closers: (() => Promise<void>)[],
): Promise<string> {
  mkdirSync(config.dataDirectory, { recursive: true });
  const tell = (line: string) => options.onProgress?.(line);
  tell("starting PostgreSQL …");
  const opening = openEmbeddedPostgres({
    dataDirectory: path.join(config.dataDirectory, "postgres"),
    log: tell,
    ...(options.stop && { stop: options.stop }),
  });
  const postgres = await tellWhileWaiting(opening, (seconds) =>
    tell(`starting PostgreSQL … (${seconds} s so far)`),
  ).catch((error: Error) => {
    options.stop?.throwIfAborted();
    throw new StartError(error.message, { cause: error }); // Its message is a sentence already.
  });
  closers.push(() => postgres.close());
  if (postgres.adopted) tell("PostgreSQL was already running; using it");
  options.stop?.throwIfAborted();
  return postgres.url;
}

/** Refuses to start if row security does not work for the API's connections. */
async function insistOnWall(database: TeamDatabase): Promise<void> {
  const walled = await holdsWall(database).catch((error) => {
    // Without its role, a connection is refused.
    if (isStorageUnavailable(error)) throw databaseProblem(error);
    return false;
  });
  if (!walled) {
    throw new StartError(
      "The database does not isolate teams: roles, grants or policies of row security are missing or wrong. Run: postrider migrate",
    );
  }
}

/** Checks that this process can decrypt the values in the database, and records its keys. */
async function insistOnKeys(database: Database, keyring: Keyring): Promise<void> {
  const missing = await rememberKeys({ database, keyring });
  if (missing !== undefined) {
    throw new StartError(
      `The database holds secrets encrypted with key ${missing}, which is not in POSTRIDER_ENCRYPTION_KEY. Add that key.`,
    );
  }
}

async function listen(
  app: Awaited<ReturnType<typeof openApp>>,
  config: Config,
): Promise<{ url: string; port: number }> {
  try {
    await app.listen({ host: config.host, port: config.port });
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "EADDRINUSE") {
      throw new StartError(`Port ${config.port} is in use. Set PORT to another port.`);
    }
    if (code === "EACCES" || code === "EADDRNOTAVAIL" || code === "ENOTFOUND") {
      throw new StartError(
        `Cannot listen on HOST ${config.host} with PORT ${config.port} (${code}). Correct these settings.`,
      );
    }
    throw error;
  }
  const address = app.server.address();
  if (address === null || typeof address === "string") throw new Error("the API has no port");
  const host = config.host.includes(":") ? `[${config.host}]` : config.host;
  const reachable = host === "0.0.0.0" || host === "[::]" ? "127.0.0.1" : host;
  return { url: `http://${reachable}:${address.port}`, port: address.port };
}

async function notReadyReason(database: Database, watchdog: Watchdog): Promise<string | undefined> {
  try {
    const pending = await withinMs(readinessMsMax, listPendingMigrationsOf(database));
    if (pending.length > 0) return `The database lacks migrations, from ${pending[0]} on.`;
  } catch {
    return "The database cannot be reached.";
  }
  return watchdog.stall();
}

/** The `fetch` that asks the sign-in provider; undefined: Node's own. Few need it, so it is loaded only for them. */
async function operatorFetchOf(
  { oidc, egressProxy }: Config,
  sender: ServerOptions["sender"],
): Promise<OperatorFetch | undefined> {
  if (!oidc || !egressProxy) return undefined;
  const { openOperatorFetch } = await import("./dispatcher/operator-fetch.ts");
  return openOperatorFetch(egressProxy, sender);
}
