import type { FastifyInstance } from "fastify";
import Type, { type Static } from "typebox";
import { scopes } from "../../api-keys.ts";
import { findOwnApiKey } from "../../db/api-keys.ts";
import type { PortalGrant } from "../../db/portal-links.ts";
import { findTeam } from "../../db/team-settings.ts";
import { AppError } from "../../errors.ts";
import { getCallingKey } from "../auth.ts";
import type { ApiDeps } from "../deps.ts";
import { nullable } from "../fields.ts";
import { portalAccess, Theme } from "../portal-theme.ts";
import { type Caller, keyIdOf, type TypeBox } from "../request.ts";

const Portal = Type.Object(
  {
    access: portalAccess,
    endpoint_ids: nullable(Type.Array(Type.String())),
    theme: nullable(Theme),
  },
  {
    title: "PortalGrant",
    description: "The permissions of the session's portal link; null outside of the portal.",
  },
);

const Me = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    scopes: Type.Array(Type.Enum(scopes)),
    default_team_id: Type.String(),
    team_id: Type.String({ description: "The team that this request acted for." }),
    teams: Type.Array(Type.Object({ id: Type.String(), name: Type.String() })),
    portal: nullable(Portal),
  },
  { title: "Me" },
);

/** The caller itself: an API key, or a customer in the portal. */
export function meRoutes(fastify: FastifyInstance, deps: ApiDeps): void {
  fastify.withTypeProvider<TypeBox>().get(
    "/accounts/v1/users/me",
    {
      config: { scope: "any" },
      schema: {
        operationId: "getMe",
        summary: "Gets the calling API key: its name, its scopes and the teams it reaches",
        description:
          "For a session, this is the session's key. In the portal, `id` is the session's id, `name` the team's name, and `portal` describes what the link allows.",
        tags: ["API keys"],
        response: { 200: Me },
      },
    },
    async ({ caller }) => {
      if (caller.portal) return await meInPortal(caller, caller.portal);
      const { teamIds } = await getCallingKey(deps, caller);
      const key = await findOwnApiKey(deps.database.forTeams(teamIds).sql, keyIdOf(caller));
      if (!key) throw new AppError("unauthorized");
      const { id, name, scopes, defaultTeamId, teams } = key;
      const { teamId: team_id } = caller;
      return { id, name, scopes, default_team_id: defaultTeamId, team_id, teams, portal: null };
    },
  );
}

async function meInPortal(
  { actorId, teamId, scopes, database }: Caller,
  { access, endpointIds, theme }: PortalGrant,
): Promise<Static<typeof Me>> {
  const team = await findTeam(database.sql, teamId);
  if (!team) throw new AppError("unauthorized");
  const { name } = team;
  return {
    id: actorId,
    name,
    scopes: [...scopes],
    default_team_id: teamId,
    team_id: teamId,
    teams: [{ id: teamId, name }],
    portal: { access, endpoint_ids: endpointIds, theme },
  };
}
