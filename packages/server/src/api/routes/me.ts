import type { FastifyInstance } from "fastify";
import Type from "typebox";
import { scopes } from "../../api-keys.ts";
import { findOwnApiKey } from "../../db/api-keys.ts";
import { AppError } from "../../errors.ts";
import { getCallingKey } from "../auth.ts";
import type { ApiDeps } from "../deps.ts";
import type { TypeBox } from "../request.ts";

const Me = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    scopes: Type.Array(Type.Enum(scopes)),
    default_team_id: Type.String(),
    team_id: Type.String({ description: "The team that this request acted for." }),
    teams: Type.Array(Type.Object({ id: Type.String(), name: Type.String() })),
  },
  { title: "Me" },
);

/** Who one is: here the users are API keys. */
export function meRoutes(fastify: FastifyInstance, deps: ApiDeps): void {
  fastify.withTypeProvider<TypeBox>().get(
    "/accounts/v1/users/me",
    {
      config: { scope: "any" },
      schema: {
        operationId: "getMe",
        summary: "Gets the calling API key: its name, its scopes and the teams it reaches",
        tags: ["API keys"],
        response: { 200: Me },
      },
    },
    async ({ caller }) => {
      const { teamIds } = await getCallingKey(deps, caller);
      const key = await findOwnApiKey(deps.database.forTeams(teamIds).sql, caller.apiKeyId);
      if (!key) throw new AppError("unauthorized");
      const { id, name, scopes, defaultTeamId, teams } = key;
      return { id, name, scopes, default_team_id: defaultTeamId, team_id: caller.teamId, teams };
    },
  );
}
