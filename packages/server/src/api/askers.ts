import { timingSafeEqual } from "node:crypto";
import type { FastifyRequest } from "fastify";
import { hashSecret, parseApiKey, type Scope } from "../api-keys.ts";
import { type ApiKey, bootstrapKeyId, findApiKeyOfAnyTeam } from "../db/api-keys.ts";
import {
  findPortalSessionOfAnyTeam,
  type PortalGrant,
  type PortalSession,
} from "../db/portal-links.ts";
import { findSessionOfAnyTeam } from "../db/sessions.ts";
import { hashOfToken } from "../session-tokens.ts";
import type { ApiDeps } from "./deps.ts";
import type { Caller } from "./request.ts";
import { sessionTokenIn } from "./session-cookie.ts";

/** The caller before its team is chosen; `teamId` is the default team. */
export type Asker = Omit<Caller, "database" | "lists" | "scopes" | "trace"> & {
  teamIds: readonly string[];
  scopes: readonly Scope[];
  /** The id under which requests are counted: a key's with those of its sessions, or those of all sessions of a portal link. */
  countedAs: string;
};

/** A caller with a session cookie. */
export type SessionAsker = Asker & {
  sessionId: string;
  /** The key of the session; undefined in the portal. */
  key: ApiKey | undefined;
  /** `last_seen_at` is more than a minute old. */
  unmarked: boolean;
};

/** The caller of a key. */
export const askerOf = (key: ApiKey): Asker => ({
  teamId: key.defaultTeamId,
  teamIds: key.teamIds,
  actorId: key.id,
  apiKeyId: key.id,
  scopes: key.scopes,
  countedAs: key.id,
});

/** Finds the session of a request's cookie; for requests without a key. */
export async function findGivenSession(
  { keys }: ApiDeps,
  { headers }: Pick<FastifyRequest, "headers">,
): Promise<SessionAsker | undefined> {
  if (headers.authorization !== undefined) return undefined;
  const given = sessionTokenIn(headers);
  const { sql } = keys.forTeams([]);
  const sha256 = given && hashOfToken(given.kind, given.token);
  if (!sha256) return undefined;
  if (given.kind === "portal") {
    const session = await findPortalSessionOfAnyTeam(sql, sha256);
    return session && portalAsker(session);
  }
  const session = await findSessionOfAnyTeam(sql, sha256);
  if (!session) return undefined;
  const { id, key, teamId, unmarked } = session;
  return { ...askerOf(key), teamId, actorId: id, sessionId: id, key, unmarked };
}

const portalAsker = ({
  id,
  unmarked,
  portalLinkId,
  grant: portal,
}: PortalSession): SessionAsker => ({
  teamId: portal.teamId,
  teamIds: [portal.teamId],
  actorId: id,
  sessionId: id,
  key: undefined,
  unmarked,
  portal,
  ...(portal.endpointIds && { endpointIds: portal.endpointIds }),
  scopes: portalScopes(portal),
  countedAs: portalLinkId,
});

/** The scopes of a portal link's sessions. */
export const portalScopes = ({
  access,
  payload,
}: Pick<PortalGrant, "access" | "payload">): Scope[] => [
  "read",
  ...(access === "manage" ? (["write"] as const) : []),
  ...(payload ? (["payload"] as const) : []),
];

/** Finds a key by its id, in the database or in a cache. */
export type FindKey = (id: string) => Promise<ApiKey | undefined>;

/** The bearer token of a request (RFC 6750 §2.1); the scheme's case does not matter (RFC 9110 §11.1). */
export const bearerIn = ({ headers }: Pick<FastifyRequest, "headers">): string | undefined =>
  /^bearer +([\x21-\x7e]{1,300})$/i.exec(headers.authorization ?? "")?.[1];

/** Finds the key of a given text, if it works. */
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
  // A person's key has no secret: its id alone gives no access.
  if (!given || !key?.secretSha256) return undefined;
  return timingSafeEqual(hashSecret(given.secret), key.secretSha256) ? key : undefined;
}
