import type { FastifyInstance, FastifyRequest } from "fastify";
import Type, { type Static } from "typebox";
import { keepQuotaOfTeams } from "../../actions/quotas.ts";
import { findApiKeyOfAnyTeam } from "../../db/api-keys.ts";
import { insertAuditEntry } from "../../db/audit.ts";
import {
  findTeam,
  type TeamChanges,
  type TeamSettings,
  updateTeam,
} from "../../db/team-settings.ts";
import { createTeamFor, listTeamsOfKey, type Team } from "../../db/teams.ts";
import { AppError } from "../../errors.ts";
import { getCallingKey } from "../auth.ts";
import { nextCursorField } from "../cursor.ts";
import type { ApiDeps } from "../deps.ts";
import { nameOf, nullable, PathId, Timestamp } from "../fields.ts";
import { askedByCursor, cursorOnlyQuery } from "../paging.ts";
import { acting, keyIdOf, type TypeBox } from "../request.ts";
import { invalidRequest } from "../validation.ts";

const CreateBody = Type.Object(
  { name: nameOf(150) },
  { additionalProperties: false, title: "TeamCreate" },
);

const TeamAnswer = Type.Object(
  { id: Type.String(), name: Type.String(), created_at: Timestamp },
  { title: "Team" },
);

const TeamSettingsAnswer = Type.Object(
  {
    ...TeamAnswer.properties,
    encrypt_payloads: Type.Boolean(),
    payload_retention_days: nullable(Type.Integer()),
    attempt_retention_days: nullable(Type.Integer()),
    disable_failing_after_days: nullable(Type.Integer()),
    expire_waiting_after_days: nullable(Type.Integer()),
  },
  { title: "TeamSettings" },
);

const Days = Type.Optional(nullable(Type.Integer({ minimum: 1, maximum: 3_650 })));

const UpdateBody = Type.Object(
  {
    name: Type.Optional(nameOf(150)),
    encrypt_payloads: Type.Optional(Type.Boolean()),
    payload_retention_days: Days,
    attempt_retention_days: Days,
    disable_failing_after_days: Type.Optional(
      nullable(Type.Integer({ minimum: 0, maximum: 3_650 })),
    ),
    expire_waiting_after_days: Days,
  },
  { additionalProperties: false, title: "TeamUpdate" },
);
type UpdateBody = Static<typeof UpdateBody>;

const tags = ["Teams"];

/** The teams that a key reaches. */
export function teamRoutes(fastify: FastifyInstance, deps: ApiDeps): void {
  const app = fastify.withTypeProvider<TypeBox>();

  app.post(
    "/v1/teams",
    {
      config: { scope: "admin" },
      schema: {
        operationId: "createTeam",
        summary: "Creates a team that the calling key reaches",
        description:
          "No other key reaches the new team until you create one. Name the team in `X-Org-Id` to act for it; the key's default team does not change.",
        tags,
        body: CreateBody,
        response: { 201: TeamAnswer },
      },
    },
    async (request, reply) => {
      const apiKeyId = keyIdOf(request.caller);
      const { teamIds, secretSha256 } = await getCallingKey(deps, request.caller);
      if (secretSha256 === null) {
        const detail =
          "Which teams a person reaches is the sign-in provider's to say. Make the team with an API key.";
        throw new AppError("scope_missing", detail);
      }
      const { audit } = acting(deps, request, "team.created");
      const given = { id: request.newId(), name: request.body.name };
      const database = deps.database.forTeams([...teamIds, given.id]);
      const team = await createTeamFor(database, apiKeyId, given, async (tx) => {
        await keepQuotaOfTeams(tx, deps.keys.forTeams([]).sql, deps.config.quotas, apiKeyId);
        await insertAuditEntry(tx, audit, given.id);
      });
      if (!team) throw new AppError("id_taken");
      reply.code(201);
      return teamAnswer(team);
    },
  );

  app.get(
    "/v1/teams",
    {
      config: { scope: "admin" },
      schema: {
        operationId: "listTeams",
        summary: "Lists the teams that the calling key reaches, newest first",
        tags,
        querystring: Type.Object(cursorOnlyQuery, { additionalProperties: false }),
        response: { 200: Type.Object({ teams: Type.Array(TeamAnswer), ...nextCursorField }) },
      },
    },
    async ({ query, caller }) => {
      const apiKeyId = keyIdOf(caller);
      // The cursor is bound to the key: another key reaches other teams.
      const list = { keyring: deps.keyring, caller, name: "teams", filter: { apiKeyId } };
      const { page, told } = askedByCursor(list, query);
      const { rows, ...read } = await listTeamsOfKey(
        deps.database.forTeams((await getCallingKey(deps, caller)).teamIds),
        apiKeyId,
        page,
      );
      return { teams: rows.map(teamAnswer), ...told(read) };
    },
  );

  const params = Type.Object({ team_id: PathId });

  /** The team's part of the database, if the calling key reaches it. The key is read again, because the team may be new. */
  async function reached({ caller }: Pick<FastifyRequest, "caller">, teamId: string) {
    const key = await findApiKeyOfAnyTeam(deps.keys.forTeams([]).sql, keyIdOf(caller));
    if (!key?.teamIds.includes(teamId)) throw new AppError("not_found");
    return deps.database.forTeams([teamId]);
  }

  app.get(
    "/v1/teams/:team_id",
    {
      config: { scope: "admin" },
      schema: {
        operationId: "getTeam",
        summary: "Gets a team that the calling key reaches, with its settings",
        tags,
        params,
        response: { 200: TeamSettingsAnswer },
      },
    },
    async (request) => {
      const { team_id: teamId } = request.params;
      const team = await findTeam((await reached(request, teamId)).sql, teamId);
      if (!team) throw new AppError("not_found");
      return settingsAnswer(team);
    },
  );

  app.patch(
    "/v1/teams/:team_id",
    {
      config: { scope: "admin" },
      schema: {
        operationId: "updateTeam",
        summary: "Changes a team that the calling key reaches",
        description:
          "`encrypt_payloads` encrypts new reports and new answers of receivers, within two seconds; older data stay as they are. Days are whole UTC days; null means the service's value, which is also the maximum. An endpoint that only fails is disabled after `disable_failing_after_days` (null: 5; 0: never). A delivery that waits for a failing endpoint ends after `expire_waiting_after_days` (null: 3), as `failed` with `expired`, and can be replayed.",
        tags,
        params,
        body: UpdateBody,
        response: { 200: TeamSettingsAnswer },
      },
    },
    async (request) => {
      const { params, body } = request;
      keepWithinRetention(body, deps.config.retentionDays);
      const database = await reached(request, params.team_id);
      const { audit } = acting(deps, request, "team.updated");
      const team = await database.begin(async (tx) => {
        const changed = await updateTeam(tx, params.team_id, changesOf(body));
        if (changed) await insertAuditEntry(tx, { ...audit, teamId: changed.id }, changed.id);
        return changed;
      });
      if (!team) throw new AppError("not_found");
      return settingsAnswer(team);
    },
  );

  app.delete(
    "/v1/teams/:team_id",
    {
      config: { scope: "admin" },
      schema: {
        operationId: "eraseTeam",
        summary: "Deletes a team that the calling key reaches, and erases all its data",
        description:
          "The team is closed immediately, on other processes within two seconds: no key reaches it, keys without another team are deleted, and nothing more is delivered. Its data are erased for up to two seconds during the request, and the rest in the background. The default team is a 409, and so is the only team of the calling key (`key_in_use`): use a key that also reaches another team.",
        tags,
        params,
        response: { 202: Type.Object({ id: Type.String(), message: Type.String() }) },
      },
    },
    async (request, reply) => {
      const { team_id: id } = request.params;
      await reached(request, id);
      const empty = await deps.eraseTeam(id, keyIdOf(request.caller));
      reply.code(202);
      return { id, message: empty ? "Everything is erased." : "The rest is being erased." };
    },
  );
}

/** A team's retention cannot be longer than the service's. */
function keepWithinRetention(body: UpdateBody, daysMax: number): void {
  const fields = ["payload_retention_days", "attempt_retention_days"] as const;
  const beyond = fields.filter((name) => (body[name] ?? 0) > daysMax);
  if (beyond.length === 0) return;
  throw invalidRequest(
    beyond.map((name) => ({
      loc: ["body", name],
      msg: `must be at most ${daysMax}`,
      type: "maximum",
    })),
  );
}

const changesOf = (body: UpdateBody): TeamChanges => ({
  ...(body.name !== undefined && { name: body.name }),
  ...(body.encrypt_payloads !== undefined && { encryptPayloads: body.encrypt_payloads }),
  ...(body.payload_retention_days !== undefined && {
    payloadRetentionDays: body.payload_retention_days,
  }),
  ...(body.attempt_retention_days !== undefined && {
    attemptRetentionDays: body.attempt_retention_days,
  }),
  ...(body.disable_failing_after_days !== undefined && {
    disableFailingAfterDays: body.disable_failing_after_days,
  }),
  ...(body.expire_waiting_after_days !== undefined && {
    expireWaitingAfterDays: body.expire_waiting_after_days,
  }),
});

const settingsAnswer = (team: TeamSettings): Static<typeof TeamSettingsAnswer> => ({
  ...teamAnswer(team),
  encrypt_payloads: team.encryptPayloads,
  payload_retention_days: team.payloadRetentionDays,
  attempt_retention_days: team.attemptRetentionDays,
  disable_failing_after_days: team.disableFailingAfterDays,
  expire_waiting_after_days: team.expireWaitingAfterDays,
});

const teamAnswer = ({ id, name, createdAt }: Team): Static<typeof TeamAnswer> => ({
  id,
  name,
  created_at: createdAt.toISOString(),
});
