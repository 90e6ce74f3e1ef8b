import { createHash } from "node:crypto";
import { type Scope, scopes } from "../api-keys.ts";
import type { Oidc } from "../config.ts";
import { endPersonOfAnyTeam, listOpenTeams } from "../db/people.ts";
import { insertSession } from "../db/sessions.ts";
import { defaultTeamId } from "../db/teams.ts";
import { isObjectId } from "../ids.ts";
import { newToken } from "../session-tokens.ts";
import type { ApiDeps } from "./deps.ts";
import { type Claims, ProviderFailure } from "./provider.ts";

/** The same limit as for an API key. */
const teamsMax = 100;
const nameLengthMax = 150;

/**
 * Opens a session for a person that the provider authenticated; returns its cookie's token.
 *
 * A person without a team or without scopes is refused with `no_access`, and earlier sessions end.
 */
export async function openSessionOfPerson(
  deps: ApiDeps,
  oidc: Oidc,
  claims: Claims,
  request: { id: string; newId: () => string },
): Promise<string> {
  const sha256 = createHash("sha256").update(`${oidc.issuer}\n${claims.sub}`).digest();
  const told = teamsIn(claims[oidc.teamsClaim]);
  const [first, ...rest] = await listOpenTeams(deps.database.forTeams(told).sql, told);
  const granted = scopesIn(claims[oidc.scopesClaim]);
  if (first === undefined || granted.length === 0) {
    await endPersonOfAnyTeam(deps.keys.forTeams([]).sql, sha256);
    throw new ProviderFailure("no_access", `no ${first ? "scope" : "team"} in the claims`);
  }
  const person = await deps.keepPerson({
    id: request.newId(),
    sha256,
    name: nameIn(claims),
    teamIds: [first, ...rest],
    scopes: granted,
  });
  const { id: apiKeyId, teamId } = person;
  const { text, sha256: tokenSha256 } = newToken("dashboard");
  const audit = {
    teamId,
    actorId: apiKeyId,
    requestId: request.id,
    action: "session.opened",
  } as const;
  await deps.database
    .forTeams([teamId])
    .begin((tx) =>
      insertSession(tx, { id: request.newId(), teamId, apiKeyId, tokenSha256 }, audit),
    );
  return text;
}

/** The values of a claim: an array of texts, or one text with blanks or commas between values. */
function listIn(claim: unknown): string[] {
  const parts = typeof claim === "string" ? claim.split(/[\s,]+/) : claim;
  return Array.isArray(parts) ? parts.filter((one) => typeof one === "string") : [];
}

/** The teams of a claim; other values, such as a company's other groups, are ignored. */
const teamsIn = (claim: unknown): string[] =>
  [...new Set(listIn(claim).map((one) => (one === "default" ? defaultTeamId : one)))]
    .filter(isObjectId)
    .slice(0, teamsMax);

/** The scopes of a claim; without the claim, people may only read. */
const scopesIn = (claim: unknown): Scope[] =>
  claim === undefined ? ["read"] : scopes.filter((scope) => listIn(claim).includes(scope));

/** A person's name in the audit log: the first of these claims that has a value. */
function nameIn({ name, preferred_username: user, email, sub }: Claims): string {
  const said = [name, user, email, sub]
    .filter((one) => typeof one === "string")
    .map((one) => one.replaceAll(/[\p{C}\p{Z}]+/gu, " ").trim());
  return [...(said.find((one) => one !== "") ?? "")].slice(0, nameLengthMax).join("");
}
