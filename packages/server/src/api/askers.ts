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

/** Who asks, before it is known for which of its teams; `teamId` is the one it asks for unless it says otherwise. */
export type Asker = Omit<Caller, "database" | "lists" | "scopes" | "trace"> & {
  teamIds: readonly string[];
  scopes: readonly Scope[];
  /** Whose requests count together: a key's with those of its sessions, a portal link's of all its sessions. */
  countedAs: string;
};

/** Somebody who asks by a session's cookie. */
export type SessionAsker = Asker & {
  sessionId: string;
  /** The key that the session is of; undefined in the portal. */
  key: ApiKey | undefined;
  /** When it was last seen is not known to the minute. */
  unmarked: boolean;
};

/** A key as the one who asks. */
export const askerOf = (key: ApiKey): Asker => ({
  teamId: key.defaultTeamId,
  teamIds: key.teamIds,
  actorId: key.id,
  apiKeyId: key.id,
  scopes: key.scopes,
  countedAs: key.id,
});

/** Finds the session whose cookie comes with a request that brings no key. */
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

/** What a link's sessions may do. */
export const portalScopes = ({
  access,
  payload,
}: Pick<PortalGrant, "access" | "payload">): Scope[] => [
  "read",
  ...(access === "manage" ? (["write"] as const) : []),
  ...(payload ? (["payload"] as const) : []),
];

/** Finds a key by its id, in the database or in what is remembered of it. */
export type FindKey = (id: string) => Promise<ApiKey | undefined>;

/** The key that a request brings (RFC 6750 §2.1); the scheme's case does not matter (RFC 9110 §11.1). */
export const bearerIn = ({ headers }: Pick<FastifyRequest, "headers">): string | undefined =>
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
  // A person has none: who knows the id of one knows nothing.
  if (!given || !key?.secretSha256) return undefined;
  return timingSafeEqual(hashSecret(given.secret), key.secretSha256) ? key : undefined;
}
