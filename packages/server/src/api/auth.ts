import { timingSafeEqual } from "node:crypto";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { hashSecret, parseApiKey } from "../api-keys.ts";
import {
  type ApiKey,
  bootstrapKeyId,
  findApiKeyOfAnyTeam,
  markApiKeyUsed,
} from "../db/api-keys.ts";
import { isAway } from "../db/sql.ts";
import { AppError } from "../errors.ts";
import { isObjectId } from "../ids.ts";
import { openPatience } from "../patience.ts";
import type { ApiDeps } from "./deps.ts";
import { slowGuessing } from "./failed-guesses.ts";
import { openRateLimit } from "./rate-limit.ts";
import type { Caller } from "./request.ts";

/** A revoked key stops working everywhere within this time. */
const rememberedMs = 2_000;
const rememberedMax = 10_000;

/** Settles who asks before every route but those of scope `none`: 401 without a good key, 403 without the scope. */
export function authenticate(app: FastifyInstance, deps: ApiDeps): void {
  const keys = deps.keys.forTeams([]);
  const findKey = rememberKeys((id) => findApiKeyOfAnyTeam(keys.sql, id));
  const bootstrapSha256 =
    deps.config.bootstrapApiKey === undefined ? undefined : hashSecret(deps.config.bootstrapApiKey);

  const patience = openPatience(isAway);
  const slowDown = slowGuessing();
  const limitRate = openRateLimit(deps.config.rateLimit);

  // No request waits for this, and none fails with it.
  const markUse = (key: ApiKey): void => {
    if (!key.useUnmarked) return;
    key.useUnmarked = false;
    markApiKeyUsed(keys.sql, key.id).catch((err) =>
      deps.log.debug({ err, api_key_id: key.id }, "the use of a key could not be marked"),
    );
  };

  // Forgotten, a route would be open to nobody or to everybody: better it stops the start.
  app.addHook("onRoute", ({ url, config }) => {
    if (config?.scope === undefined) throw new Error(`the route ${url} declares no scope`);
  });

  app.addHook("onRequest", async (request) => {
    const { scope } = request.routeOptions.config;
    if (scope === undefined || scope === "none") return;
    const ask = () => findGivenKey(request.headers.authorization, findKey.byId, bootstrapSha256);
    // What is reported waits for a database that is away for a moment; whoever reads hears of it at once.
    const key = await (scope === "publish" ? patience(ask) : ask());
    if (!key) {
      await slowDown(request.ip);
      throw new AppError("unauthorized", "Send a valid API key as `Authorization: Bearer <key>`.");
    }
    limitRate(key.id);
    markUse(key);
    request.caller =
      callerOf(key, request, deps) ??
      callerOf(await findKey.anew(key), request, deps) ??
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

type FindKey = (id: string) => Promise<ApiKey | undefined>;

async function findGivenKey(
  authorization: string | undefined,
  findKey: FindKey,
  bootstrapSha256: Buffer | undefined,
): Promise<ApiKey | undefined> {
  // RFC 6750 §2.1; the scheme's case does not matter (RFC 9110 §11.1).
  const text = /^bearer +([\x21-\x7e]{1,300})$/i.exec(authorization ?? "")?.[1];
  if (text === undefined) return undefined;
  if (bootstrapSha256 && timingSafeEqual(hashSecret(text), bootstrapSha256)) {
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
  request: FastifyRequest,
  { database }: ApiDeps,
): Caller | undefined {
  if (!key) return undefined;
  const selectors = new Set(
    teamHeaders
      .map((name) => request.headers[name.toLowerCase()])
      .filter((one) => one !== undefined),
  );
  const [selected = key.defaultTeamId] = selectors;
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
    apiKeyId: key.id,
    scopes: new Set(key.scopes),
  };
}

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
