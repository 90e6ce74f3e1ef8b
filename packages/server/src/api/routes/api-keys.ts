import type { FastifyInstance } from "fastify";
import Type, { type Static } from "typebox";
import { keepQuota } from "../../actions/quotas.ts";
import { newApiKey, scopes } from "../../api-keys.ts";
import {
  type ApiKey,
  insertApiKey,
  type ListedApiKey,
  listApiKeys,
  revokeApiKey,
} from "../../db/api-keys.ts";
import { insertAuditEntry } from "../../db/audit.ts";
import { AppError } from "../../errors.ts";
import { getCallingKey } from "../auth.ts";
import { nextCursorField } from "../cursor.ts";
import type { ApiDeps } from "../deps.ts";
import { Id, nameOf, nullable, PathId, Timestamp } from "../fields.ts";
import { askedByCursor, cursorOnlyQuery } from "../paging.ts";
import { acting, keyIdOf, type TypeBox } from "../request.ts";
import { invalidRequest } from "../validation.ts";

const Scopes = Type.Array(Type.Enum(scopes), {
  minItems: 1,
  uniqueItems: true,
});
const tenYearsInSeconds = 315_360_000;

const CreateBody = Type.Object(
  {
    name: nameOf(150),
    scopes: Scopes,
    team_ids: Type.Optional(Type.Array(Id, { minItems: 1, maxItems: 100, uniqueItems: true })),
    default_team_id: Type.Optional(Id),
    expires_in_seconds: Type.Optional(
      nullable(Type.Integer({ minimum: 1, maximum: tenYearsInSeconds })),
    ),
  },
  { additionalProperties: false, title: "ApiKeyCreate" },
);
type CreateBody = Static<typeof CreateBody>;

const ApiKeyAnswer = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    prefix: nullable(Type.String()),
    last4: nullable(Type.String()),
    scopes: Scopes,
    default_team_id: nullable(Type.String()),
    teams: Type.Array(Type.Object({ id: Type.String(), name: Type.String() })),
    created_at: Timestamp,
    last_used_at: nullable(Timestamp),
    expires_at: nullable(Timestamp),
    revoked_at: nullable(Timestamp),
    person: Type.Boolean({
      description: "It is somebody who signs in with the provider, and no key that anybody holds.",
    }),
  },
  { title: "ApiKey" },
);

const NewApiKeyAnswer = Type.Object(
  {
    id: Type.String(),
    key: Type.String({ description: "The key itself. It is shown only here." }),
    name: Type.String(),
    prefix: Type.String(),
    last4: Type.String(),
    scopes: Scopes,
    default_team_id: Type.String(),
    team_ids: Type.Array(Type.String()),
    expires_in_seconds: nullable(Type.Integer()),
  },
  { title: "NewApiKey" },
);

const tags = ["API keys"];

/** API keys of a team. */
export function apiKeyRoutes(fastify: FastifyInstance, deps: ApiDeps): void {
  const app = fastify.withTypeProvider<TypeBox>();
  const env = deps.config.environment === "production" ? "live" : "dev";

  app.post(
    "/v1/api-keys",
    {
      config: { scope: "admin" },
      schema: {
        operationId: "createApiKey",
        summary: "Creates an API key and shows it once",
        description:
          "A new key cannot have more scopes or teams than the calling key. The default of `team_ids` is the current team. The default of `default_team_id` is the current team if the new key reaches it, otherwise the first of `team_ids`. A key stays valid when the key that created it is revoked.",
        tags,
        body: CreateBody,
        response: { 201: NewApiKeyAnswer },
      },
    },
    async (request, reply) => {
      const { body, caller } = request;
      // Read again: a key that was just revoked must not create another one.
      const maker = await getCallingKey(deps, caller);
      const id = request.newId();
      const { text, ...made } = newApiKey(env, id);
      const key = {
        id,
        name: body.name,
        teamIds: teamsFor(body, maker, caller.teamId),
        scopes: scopesFor(body, maker),
        expiresInSeconds: body.expires_in_seconds ?? null,
      };
      const { audit } = acting(deps, request, "api_key.created");
      await deps.database.forTeams(maker.teamIds).begin(async (tx) => {
        if (!(await insertApiKey(tx, { ...key, ...made }))) throw new AppError("id_taken");
        await keepQuota(tx, deps.config.quotas, "apiKeys", key.teamIds);
        await insertAuditEntry(tx, audit, id, key.teamIds);
      });
      reply.code(201);
      return {
        id,
        key: text,
        name: key.name,
        prefix: made.prefix,
        last4: made.last4,
        scopes: key.scopes,
        default_team_id: key.teamIds[0],
        team_ids: [...key.teamIds],
        expires_in_seconds: key.expiresInSeconds,
      };
    },
  );

  app.get(
    "/v1/api-keys",
    {
      config: { scope: "admin" },
      schema: {
        operationId: "listApiKeys",
        summary: "Lists the keys that reach the current team, newest first, without their secrets",
        description:
          "Of a key's teams, the list shows only those that the calling key reaches too. `last_used_at` is accurate to the minute.",
        tags,
        querystring: Type.Object(cursorOnlyQuery, { additionalProperties: false }),
        response: { 200: Type.Object({ api_keys: Type.Array(ApiKeyAnswer), ...nextCursorField }) },
      },
    },
    async ({ query, caller }) => {
      const list = { keyring: deps.keyring, caller, name: "api-keys", filter: {} };
      const { page, told } = askedByCursor(list, query);
      const { rows, ...read } = await listApiKeys(
        deps.database.forTeams((await getCallingKey(deps, caller)).teamIds),
        caller.teamId,
        keyIdOf(caller),
        page,
      );
      return { api_keys: rows.map(keyAnswer), ...told(read) };
    },
  );

  app.delete(
    "/v1/api-keys/:api_key_id",
    {
      config: { scope: "admin" },
      schema: {
        operationId: "revokeApiKey",
        summary: "Revokes a key; all processes refuse it within five seconds",
        description:
          "A key that also reaches teams outside of the calling key's reach loses only the common teams and keeps working for the others. Revoking a key again is a 204 again. The calling key itself is a 409 `key_in_use`: revoke it with another key. The operator's key (`POSTRIDER_API_KEY`) is a 409.",
        tags,
        params: Type.Object({ api_key_id: PathId }),
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const { audit } = acting(deps, request, "api_key.revoked");
      const keys = deps.keys.forTeams((await getCallingKey(deps, request.caller)).teamIds);
      const revoked = await revokeApiKey(keys, request.params.api_key_id, audit);
      if (revoked === "unknown") throw new AppError("not_found");
      if (revoked === "revoker_is_gone") throw new AppError("unauthorized");
      if (revoked === "operators_key" || revoked === "key_in_use") throw new AppError(revoked);
      return reply.code(204).send(null);
    },
  );
}

/** The teams of a new key, its default one first; only teams that its creator reaches. */
function teamsFor(body: CreateBody, maker: ApiKey, currentTeamId: string): [string, ...string[]] {
  const teamIds = body.team_ids ?? [currentTeamId];
  const unreached = teamIds.findIndex((id) => !maker.teamIds.includes(id));
  if (unreached >= 0) {
    const msg = "names no team that the calling key reaches";
    throw invalidRequest([{ loc: ["body", "team_ids", unreached], msg, type: "choice" }]);
  }
  const usual = teamIds.includes(currentTeamId) ? currentTeamId : teamIds[0];
  const first = body.default_team_id ?? usual;
  if (first === undefined || !teamIds.includes(first)) {
    const msg = "must be one of team_ids";
    throw invalidRequest([{ loc: ["body", "default_team_id"], msg, type: "choice" }]);
  }
  return [first, ...teamIds.filter((id) => id !== first)];
}

function scopesFor(body: CreateBody, maker: ApiKey): CreateBody["scopes"] {
  const missing = body.scopes.filter((scope) => !maker.scopes.includes(scope));
  if (missing.length > 0) {
    const named = missing.map((scope) => `\`${scope}\``).join(", ");
    throw new AppError(
      "scope_missing",
      `A key cannot grant more than it has: the calling key lacks ${named}.`,
    );
  }
  return body.scopes;
}

const keyAnswer = (key: ListedApiKey): Static<typeof ApiKeyAnswer> => ({
  id: key.id,
  name: key.name,
  prefix: key.prefix,
  last4: key.last4,
  scopes: key.scopes,
  default_team_id: key.defaultTeamId,
  teams: key.teams,
  created_at: key.createdAt.toISOString(),
  last_used_at: key.lastUsedAt?.toISOString() ?? null,
  expires_at: key.expiresAt?.toISOString() ?? null,
  revoked_at: key.revokedAt?.toISOString() ?? null,
  person: key.isPerson,
});
