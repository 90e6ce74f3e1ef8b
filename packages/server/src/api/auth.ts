import { timingSafeEqual } from "node:crypto";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { hashSecret, parseApiKey } from "../api-keys.ts";
import {
  type ApiKey,
  bootstrapKeyId,
  findApiKeyOfAnyTeam,
  markApiKeyUsed,
} from "../db/api-keys.ts";
import { findSessionOfAnyTeam, markSessionSeen, type OpenSession } from "../db/sessions.ts";
import { isAway } from "../db/sql.ts";
import { readTraceContext } from "../domain/trace-context.ts";
import { AppError } from "../errors.ts";
import { isObjectId } from "../ids.ts";
import { openPatience } from "../patience.ts";
import { hashOfToken } from "../session-tokens.ts";
import type { ApiDeps } from "./deps.ts";
import { slowGuessing } from "./failed-guesses.ts";
import { openOwnPages } from "./own-pages.ts";
import { openRateLimit } from "./rate-limit.ts";
import type { Caller } from "./request.ts";
import { sessionTokenIn } from "./session-cookie.ts";

/** A revoked key stops working everywhere within this time. */
const rememberedMs = 2_000;
const rememberedMax = 10_000;

/**
 * Settles who asks before every route but those of scope `none`: 401 without a good key or session, 403 without the scope.
 *
 * A cookie counts where no `Authorization` is given. Keys are remembered for a moment. Sessions are not: one that was ended, or that
 * acts for another team now, is so for the very next request on every process.
 */
export function authenticate(app: FastifyInstance, deps: ApiDeps): void {
  const keys = deps.keys.forTeams([]);
  const findKey = rememberKeys((id) => findApiKeyOfAnyTeam(keys.sql, id));
  const patience = openPatience(isAway);
  const slowDown = slowGuessing();
  const requireOwnPage = openOwnPages(app, deps.config);
  const limitRate = openRateLimit(deps.config.rateLimit);

  // No request waits for this, and none fails with it.
  const markUse = (key: ApiKey, session: OpenSession | undefined): void => {
    const failed = (err: unknown) =>
      deps.log.debug({ err, api_key_id: key.id }, "the use of a key could not be marked");
    if (session?.unmarked) markSessionSeen(keys.sql, session.id).catch(failed);
    if (!key.useUnmarked) return;
    key.useUnmarked = false;
    markApiKeyUsed(keys.sql, key.id).catch(failed);
  };

  // Forgotten, a route would be open to nobody or to everybody: better it stops the start.
  app.addHook("onRoute", ({ url, config }) => {
    if (config?.scope === undefined) throw new Error(`the route ${url} declares no scope`);
  });

  app.addHook("onRequest", async (request) => {
    const { scope } = request.routeOptions.config;
    if (scope === undefined || scope === "none") return;
    const session = await findGivenSession(deps, request);
    const ask = () => findGivenKey(deps, bearerIn(request), findKey.byId);
    // What is reported waits for a database that is away for a moment; whoever reads hears of it at once.
    const key = session?.key ?? (await (scope === "publish" ? patience(ask) : ask()));
    if (!key) {
      await slowDown(request.ip);
      throw new AppError("unauthorized", "Send a valid API key as `Authorization: Bearer <key>`.");
    }
    if (session) requireOwnPage(request);
    limitRate(key.id);
    markUse(key, session);
    request.caller =
      callerOf(key, session, request, deps) ??
      (session ? undefined : callerOf(await findKey.anew(key), undefined, request, deps)) ??
      refuseTeam(request);
    if (scope !== "any" && !request.caller.scopes.has(scope)) {
      throw new AppError("scope_missing", `This needs an API key with the scope \`${scope}\`.`);
    }
  });
}

/** Reads the calling key anew: since it was remembered it may have been revoked, or been given a team. */
export async function getCallingKey(deps: ApiDeps, { apiKeyId }: Caller): Promise<ApiKey> {
  const key = await findApiKeyOfAnyTeam(deps.keys.forTeams([]).sql, apiKeyId);
  if (!key) throw new AppError("unauthorized");
  return key;
}

/** Says whether the key or session by which a stream was opened may still read its team's data. */
export async function mayStillRead(
  deps: ApiDeps,
  request: Pick<FastifyRequest, "caller" | "headers">,
): Promise<boolean> {
  const { apiKeyId, sessionId, teamId } = request.caller;
  const key =
    sessionId === undefined
      ? await findApiKeyOfAnyTeam(deps.keys.forTeams([]).sql, apiKeyId)
      : (await findGivenSession(deps, request))?.key;
  return (key?.teamIds.includes(teamId) && key.scopes.includes("read")) ?? false;
}

type FindKey = (id: string) => Promise<ApiKey | undefined>;

/** Finds the session whose cookie comes with a request that brings no key. */
export async function findGivenSession(
  { keys }: ApiDeps,
  { headers }: Pick<FastifyRequest, "headers">,
): Promise<OpenSession | undefined> {
  if (headers.authorization !== undefined) return undefined;
  const tokenSha256 = hashOfToken("session", sessionTokenIn(headers) ?? "");
  return tokenSha256 && (await findSessionOfAnyTeam(keys.forTeams([]).sql, tokenSha256));
}

/** The key that a request brings (RFC 6750 §2.1); the scheme's case does not matter (RFC 9110 §11.1). */
const bearerIn = ({ headers }: Pick<FastifyRequest, "headers">): string | undefined =>
  /^bearer +([\x21-\x7e]{1,300})$/i.exec(headers.authorization ?? "")?.[1];

/** Finds the key that somebody gives as text, if it works. */
export async function findGivenKey(
  { config, keys }: ApiDeps,
  text: string | undefined,
  findKey: FindKey = (id) => findApiKeyOfAnyTeam(keys.forTeams([]).sql, id),
): Promise<ApiKey | undefined> {
  if (text === undefined) return undefined;
  const { bootstrapApiKey } = config;
  if (bootstrapApiKey && timingSafeEqual(hashSecret(text), hashSecret(bootstrapApiKey))) {
    return findKey(bootstrapKeyId);
  }
  const given = parseApiKey(text);
  const key = given && (await findKey(given.id));
  return key && timingSafeEqual(hashSecret(given.secret), key.secretSha256) ? key : undefined;
}

/** The headers that select a team, by the names the documents use. */
const teamHeaders = ["X-Org-Id", "teamid"] as const;

/** The key's own teams are all that a header can choose among; undefined for anything else. */
function callerOf(
  key: ApiKey | undefined,
  session: OpenSession | undefined,
  request: FastifyRequest,
  { database }: ApiDeps,
): Caller | undefined {
  if (!key) return undefined;
  const selectors = new Set(
    teamHeaders
      .map((name) => request.headers[name.toLowerCase()])
      .filter((one) => one !== undefined),
  );
  const [selected = session?.teamId ?? key.defaultTeamId] = selectors;
  if (
    selectors.size > 1 ||
    typeof selected !== "string" ||
    !isObjectId(selected) ||
    !key.teamIds.includes(selected)
  ) {
    return undefined;
  }
  return {
    teamId: selected,
    database: database.forTeams([selected]),
    actorId: session?.id ?? key.id,
    apiKeyId: key.id,
    ...(session && { sessionId: session.id }),
    scopes: new Set(key.scopes),
    trace: traceOf(request),
  };
}

const traceOf = ({ headers: { traceparent, tracestate } }: FastifyRequest) =>
  readTraceContext({ traceparent, tracestate });

/** Refuses with the header's name and nothing else: unknown and foreign teams look the same. */
function refuseTeam({ headers }: FastifyRequest): never {
  const given = teamHeaders.filter((name) => headers[name.toLowerCase()] !== undefined);
  throw new AppError(
    "team_not_found",
    given.length === 0
      ? "The API key's default team is gone. Name another of its teams in the header `X-Org-Id`."
      : `The header ${given.map((name) => `\`${name}\``).join(" and ")} must name one team that this API key reaches.`,
  );
}

/**
 * Remembers found keys for a moment, the least recently asked for leaving first; never that one was not found.
 *
 * `anew` asks again for a key that was remembered: since then it may have been given a team, by another process even.
 */
function rememberKeys(find: FindKey): {
  byId: FindKey;
  anew: (known: ApiKey) => Promise<ApiKey | undefined>;
} {
  const remembered = new Map<string, { key: ApiKey; untilMs: number }>();

  /** Questions that are on their way: while the database is away, a thousand requests ask for the same key. */
  const asking = new Map<string, Promise<ApiKey | undefined>>();

  const askOnce: FindKey = (id) => {
    const asked = asking.get(id) ?? ask(id).finally(() => asking.delete(id));
    asking.set(id, asked);
    return asked;
  };

  const ask: FindKey = async (id) => {
    // Counted from before the question: the answer may be as old as that.
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
