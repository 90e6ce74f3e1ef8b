import type { FastifyInstance } from "fastify";
import Type, { type Static } from "typebox";
import { createTeamFor, listTeamsOfKey, type Team } from "../../db/teams.ts";
import { AppError } from "../../errors.ts";
import type { ApiDeps } from "../deps.ts";
import { nameOf, Timestamp } from "../fields.ts";
import { pageOf, pageQuery, totalFields, totalOf } from "../paging.ts";
import type { TypeBox } from "../request.ts";

const CreateBody = Type.Object(
  { name: nameOf(150) },
  { additionalProperties: false, title: "TeamCreate" },
);

const TeamAnswer = Type.Object(
  { id: Type.String(), name: Type.String(), created_at: Timestamp },
  { title: "Team" },
);

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
        summary: "Makes a team, which the calling key reaches from then on",
        description:
          "No other key reaches the new team until one is made for it. Name it in `X-Org-Id` to act for it; the key's default team stays what it was.",
        tags,
        body: CreateBody,
        response: { 201: TeamAnswer },
      },
    },
    async (request, reply) => {
      const team = await createTeamFor(deps.database, request.caller.apiKeyId, {
        id: request.newId(),
        name: request.body.name,
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
        querystring: Type.Object(pageQuery, { additionalProperties: false }),
        response: { 200: Type.Object({ teams: Type.Array(TeamAnswer), ...totalFields }) },
      },
    },
    async ({ query, caller }) => {
      const { rows, ...total } = await listTeamsOfKey(
        deps.database,
        caller.apiKeyId,
        pageOf(query),
      );
      return { teams: rows.map(teamAnswer), ...totalOf(total) };
    },
  );
}

const teamAnswer = ({ id, name, createdAt }: Team): Static<typeof TeamAnswer> => ({
  id,
  name,
  created_at: createdAt.toISOString(),
});
