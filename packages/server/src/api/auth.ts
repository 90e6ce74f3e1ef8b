import type { FastifyInstance, FastifyRequest } from "fastify";
import { type ApiKey, findApiKeyOfAnyTeam, markApiKeyUsed } from "../db/api-keys.ts";
import { isAway } from "../db/errors.ts";
import { markSessionSeen } from "../db/sessions.ts";
import { readTraceContext } from "../domain/trace-context.ts";
import { AppError } from "../errors.ts";
import { isObjectId } from "../ids.ts";
import { openPatience } from "../patience.ts";
import {
  type Asker,
  askerOf,
  bearerIn,
  type FindKey,
  findGivenKey,
  findGivenSession,
  type SessionAsker,
} from "./askers.ts";
import type { ApiDeps } from "./deps.ts";
import { slowGuessing } from "./failed-guesses.ts";
import { openOwnPages } from "./own-pages.ts";
import { keepToPortal } from "./portal.ts";
import { openRateLimit } from "./rate-limit.ts";
import type { Caller } from "./request.ts";

/** A revoked key stops working everywhere within this time. */
const rememberedMs = 2_000;
const rememberedMax = 10_000;

/**
 * Authenticates callers on all routes but those of scope `none`: 401 without a valid key or session, 403 without the scope.
 *
 * A cookie counts only without `Authorization`. Keys are cached for two seconds. Sessions are not cached: when a session
 * ends or changes its team, the next request on every process sees it.
 */
export function authenticate(app: FastifyInstance, deps: ApiDeps): void {
  const keys = deps.keys.forTeams([]);
  const findKey = rememberKeys((id) => findApiKeyOfAnyTeam(keys.sql, id));
  const anew = async (known: ApiKey): Promise<Asker | undefined> => {
    const key = await findKey.anew(known);
    return key && askerOf(key);
  };
  const patience = openPatience(isAway);
  const slowDown = slowGuessing();
  const requireOwnPage = openOwnPages(app, deps.config);
  const limitRate = openRateLimit(deps.config.rateLimit);

  // Requests do not wait for these writes, and do not fail with them.
  const markSeen = ({ sessionId, unmarked }: SessionAsker): void => {
    if (!unmarked) return;
    markSessionSeen(keys.sql, sessionId).catch((err) =>
      deps.log.debug({ err }, "the last use of a session could not be recorded"),
    );
  };
  const markUse = (key: ApiKey): void => {
    if (!key.useUnmarked) return;
    key.useUnmarked = false;
    markApiKeyUsed(keys.sql, key.id).catch((err) =>
      deps.log.debug(
        { err, api_key_id: key.id },
        "the last use of an API key could not be recorded",
      ),
    );
  };

  // A route without a scope would be open to nobody or to everybody: it stops the start instead.
  app.addHook("onRoute", ({ url, config }) => {
    if (config?.scope === undefined) throw new Error(`the route ${url} declares no scope`);
  });

  app.addHook("onRequest", async (request) => {
    const { scope } = request.routeOptions.config;
    if (scope === undefined || scope === "none") return;
    const session = await findGivenSession(deps, request);
    const ask = () => findGivenKey(deps, bearerIn(request), findKey.byId);
    // Reports wait while the database is away for a short time; reads fail at once.
    const key = session ? session.key : await (scope === "publish" ? patience(ask) : ask());
    const asker = session ?? (key && askerOf(key));
    if (!asker) {
      await slowDown(request.ip);
      throw new AppError("unauthorized", "Send a valid API key as `Authorization: Bearer <key>`.");
    }
    if (session) requireOwnPage(request);
    limitRate(asker.countedAs);
    if (session) markSeen(session);
    if (key) markUse(key);
    request.caller =
      callerOf(asker, request, deps) ??
      // A session was just read; a cached key may have got another team since.
      (session || !key ? undefined : callerOf(await anew(key), request, deps)) ??
      refuseTeam(request);
    if (scope !== "any" && !request.caller.scopes.has(scope)) {
      throw new AppError(
        "scope_missing",
        `This request needs an API key with the scope \`${scope}\`.`,
      );
    }
    if (asker.portal) keepToPortal(request, asker.portal);
  });
}

/** Reads the calling key again: since it was cached, it may have been revoked or got another team. */
export async function getCallingKey(deps: ApiDeps, { apiKeyId }: Caller): Promise<ApiKey> {
  const key = apiKeyId && (await findApiKeyOfAnyTeam(deps.keys.forTeams([]).sql, apiKeyId));
  if (!key) throw new AppError("unauthorized");
  return key;
}

/** Says whether the key or session that opened a stream may still read its team's data. */
export async function mayStillRead(
  deps: ApiDeps,
  request: Pick<FastifyRequest, "caller" | "headers">,
): Promise<boolean> {
  const { apiKeyId, sessionId, teamId } = request.caller;
  const reader =
    sessionId === undefined && apiKeyId !== undefined
      ? await findApiKeyOfAnyTeam(deps.keys.forTeams([]).sql, apiKeyId)
      : await findGivenSession(deps, request);
  return (reader?.teamIds.includes(teamId) && reader.scopes.includes("read")) ?? false;
}

/** The headers that select a team, with the names that the documentation uses. */
const teamHeaders = ["X-Org-Id", "teamid"] as const;

/** The caller for the team that a header selects among the reached teams; undefined for any other team. */
function callerOf(
  asker: Asker | undefined,
  request: FastifyRequest,
  { database, lists = database }: ApiDeps,
): Caller | undefined {
  if (!asker) return undefined;
  const { actorId, apiKeyId, sessionId, portal, endpointIds } = asker;
  const selectors = new Set(
    teamHeaders
      .map((name) => request.headers[name.toLowerCase()])
      .filter((one) => one !== undefined),
  );
  const [selected = asker.teamId] = selectors;
  if (
    selectors.size > 1 ||
    typeof selected !== "string" ||
    !isObjectId(selected) ||
    !asker.teamIds.includes(selected)
  ) {
    return undefined;
  }
  return {
    teamId: selected,
    database: database.forTeams([selected]),
    lists: lists.forTeams([selected]),
    actorId,
    scopes: new Set(asker.scopes),
    ...(apiKeyId !== undefined && { apiKeyId }),
    ...(sessionId !== undefined && { sessionId }),
    ...(portal && { portal }),
    ...(endpointIds && { endpointIds }),
    trace: traceOf(request),
  };
}

const traceOf = ({ headers: { traceparent, tracestate } }: FastifyRequest) =>
  readTraceContext({ traceparent, tracestate });

/** The refusal names only the header: an unknown team and another caller's team give the same answer. */
function refuseTeam({ headers }: FastifyRequest): never {
  const given = teamHeaders.filter((name) => headers[name.toLowerCase()] !== undefined);
  throw new AppError(
    "team_not_found",
    given.length === 0
      ? "The API key's default team was deleted. Name another of its teams in the header `X-Org-Id`."
      : `The header ${given.map((name) => `\`${name}\``).join(" and ")} must name one team that this API key reaches.`,
  );
}

/**
 * Caches found keys for two seconds, and drops the least recently used first. Never caches that a key was not found.
 *
 * `anew` reads a cached key again: another process may have given it a team since.
 */
function rememberKeys(find: FindKey): {
  byId: FindKey;
  anew: (known: ApiKey) => Promise<ApiKey | undefined>;
} {
  const remembered = new Map<string, { key: ApiKey; untilMs: number }>();

  /** Reads in progress: while the database is away, a thousand requests may need the same key. */
  const asking = new Map<string, Promise<ApiKey | undefined>>();

  const askOnce: FindKey = (id) => {
    const asked = asking.get(id) ?? ask(id).finally(() => asking.delete(id));
    asking.set(id, asked);
    return asked;
  };

  const ask: FindKey = async (id) => {
    // Measured before the query: the answer may be that old.
    const untilMs = performance.now() + rememberedMs;
    const key = await find(id);
    remembered.delete(id);
    if (!key) return undefined;
    remembered.set(id, { key, untilMs });
    if (remembered.size > rememberedMax) {
      const [oldest] = remembered.keys();
      if (oldest !== undefined) remembered.delete(oldest);
    }
    return key;
  };
  return {
    async byId(id) {
      const known = remembered.get(id);
      remembered.delete(id);
      if (known && known.untilMs > performance.now()) {
        remembered.set(id, known);
        return known.key;
      }
      return await askOnce(id);
    },
    anew: ({ id }) => ask(id),
  };
}
