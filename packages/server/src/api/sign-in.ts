import type { Scope } from "../api-keys.ts";
import { type ApiKey, findApiKeyOfAnyTeam } from "../db/api-keys.ts";
import { findPortalLinkOfAnyTeam, insertPortalSession } from "../db/portal-links.ts";
import {
  findLoginLinkOfAnyTeam,
  insertSession,
  type Session,
  useLoginLink,
} from "../db/sessions.ts";
import { hashOfToken, newToken } from "../session-tokens.ts";
import { findGivenKey, portalScopes } from "./askers.ts";
import type { ApiDeps } from "./deps.ts";
import type { SessionKind } from "./session-cookie.ts";
import { invalidRequest } from "./validation.ts";

/** A new session, and its cookie's token. */
type Opened = { kind: SessionKind; token: string; session: Session; scopes: readonly Scope[] };

/** The credentials of a body, the id of the new session, and the request's id. */
type Opening = { api_key?: string; login_token?: string; id: string; requestId: string };

/** Opens the session that a body asks for; undefined when its key or link does not work. */
export async function openSession(deps: ApiDeps, opening: Opening): Promise<Opened | undefined> {
  const { api_key: text, login_token: token } = opening;
  if ((text === undefined) === (token === undefined)) {
    const msg = "must have one of `api_key` and `login_token`";
    throw invalidRequest([{ loc: ["body"], msg, type: "choice" }]);
  }
  const portalLinkSha256 = token === undefined ? undefined : hashOfToken("portalLink", token);
  return portalLinkSha256
    ? await openPortal(deps, portalLinkSha256, opening)
    : await openDashboard(deps, opening);
}

async function openPortal(
  deps: ApiDeps,
  linkSha256: Buffer,
  { id, requestId }: Opening,
): Promise<Opened | undefined> {
  const link = await findPortalLinkOfAnyTeam(deps.keys.forTeams([]).sql, linkSha256);
  if (!link) return undefined;
  const { teamId } = link;
  const { text: token, sha256: tokenSha256 } = newToken("portal");
  const actor = { actorId: link.id, actorName: "portal" };
  const audit = { teamId, ...actor, requestId, action: "session.opened" } as const;
  const opened = { id, teamId, portalLinkId: link.id, tokenSha256 };
  const session = await deps.database
    .forTeams([teamId])
    .begin((tx) => insertPortalSession(tx, opened, audit));
  return { kind: "portal", token, session, scopes: portalScopes(link) };
}

async function openDashboard(deps: ApiDeps, opening: Opening): Promise<Opened | undefined> {
  const entrance = await entranceOf(deps, opening);
  if (!entrance) return undefined;
  const { key, teamId, linkSha256 } = entrance;
  const { id, requestId } = opening;
  const { text: token, sha256: tokenSha256 } = newToken("dashboard");
  const audit = { teamId, actorId: key.id, requestId, action: "session.opened" } as const;
  const session = await deps.database.forTeams([teamId]).begin(async (tx) => {
    if (linkSha256 && !(await useLoginLink(tx, teamId, linkSha256))) return undefined;
    return await insertSession(tx, { id, teamId, apiKeyId: key.id, tokenSha256 }, audit);
  });
  return session && { kind: "dashboard", token, session, scopes: key.scopes };
}

/** The key and team of a sign-in; `linkSha256`: the login link, which is used up. */
type Entrance = { key: ApiKey; teamId: string; linkSha256?: Buffer };

/** Finds the key and team for a body's credentials; undefined when they are not valid. */
async function entranceOf(deps: ApiDeps, body: Opening): Promise<Entrance | undefined> {
  const { api_key: text, login_token: token } = body;
  if (token === undefined) {
    const key = await findGivenKey(deps, text);
    return key && entranceBy(key, { teamId: key.defaultTeamId });
  }
  const linkSha256 = hashOfToken("login", token);
  if (!linkSha256) return undefined;
  const { sql } = deps.keys.forTeams([]);
  const link = await findLoginLinkOfAnyTeam(sql, linkSha256);
  const key = link && (await findApiKeyOfAnyTeam(sql, link.apiKeyId));
  return key && entranceBy(key, { teamId: link.teamId, linkSha256 });
}

/** Refuses a key that does not reach the team (any more). */
const entranceBy = (key: ApiKey, to: Omit<Entrance, "key">): Entrance | undefined =>
  key.teamIds.includes(to.teamId) ? { key, ...to } : undefined;
