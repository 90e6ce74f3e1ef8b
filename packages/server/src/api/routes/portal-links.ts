import type { FastifyInstance } from "fastify";
import Type, { type Static } from "typebox";
import type { Scope } from "../../api-keys.ts";
import { insertAuditEntry } from "../../db/audit.ts";
import {
  countPortalLinks,
  deletePortalLink,
  insertPortalLink,
  listMissingEndpoints,
  listPortalLinks,
  type PortalLink,
} from "../../db/portal-links.ts";
import { lockTeamsForCounting } from "../../db/quotas.ts";
import type { Tx } from "../../db/transaction.ts";
import { AppError } from "../../errors.ts";
import { newToken } from "../../session-tokens.ts";
import { getCallingKey } from "../auth.ts";
import { nextCursorField } from "../cursor.ts";
import type { ApiDeps } from "../deps.ts";
import { Id, nullable, PathId, Timestamp } from "../fields.ts";
import { publicUrlOf } from "../own-pages.ts";
import { askedByCursor, cursorOnlyQuery } from "../paging.ts";
import { portalAccess, Theme } from "../portal-theme.ts";
import { auditOf, type Caller, type TypeBox } from "../request.ts";
import { invalidRequest } from "../validation.ts";

const dayInSeconds = 86_400;
/** The most valid links of a team: enough for a new link for each page that embeds the portal. */
const linksMax = 10_000;

const CreateBody = Type.Object(
  {
    team_id: Id,
    access: portalAccess,
    endpoint_ids: Type.Optional(Type.Array(Id, { minItems: 1, maxItems: 50, uniqueItems: true })),
    expires_in_seconds: Type.Integer({ minimum: 1, maximum: dayInSeconds }),
    theme: Type.Optional(Theme),
  },
  { additionalProperties: false, title: "PortalLinkCreate" },
);
type CreateBody = Static<typeof CreateBody>;

const PortalLinkAnswer = Type.Object(
  {
    id: Type.String(),
    team_id: Type.String(),
    access: portalAccess,
    endpoint_ids: nullable(Type.Array(Type.String())),
    theme: nullable(Theme),
    created_at: Timestamp,
    expires_at: Timestamp,
    actor: Type.String({ description: "The id of the API key or session that made it." }),
  },
  { title: "PortalLink" },
);

const NewPortalLink = Type.Object(
  {
    id: Type.String(),
    url: Type.String({ description: "The link itself. It is shown only here." }),
    expires_at: Timestamp,
  },
  { title: "NewPortalLink" },
);

const tags = ["Portal"];
const path = "/v1/portal-links";

/** Links that give a team's customers access to the portal. */
export function portalLinkRoutes(fastify: FastifyInstance, deps: ApiDeps): void {
  const app = fastify.withTypeProvider<TypeBox>();

  app.post(
    path,
    {
      config: { scope: "admin" },
      schema: {
        operationId: "createPortalLink",
        summary: "Creates a portal link for a customer and shows it once",
        description:
          "The link is for one team that the calling key reaches, for reading (`read`) or also for changing (`manage`), and for all endpoints or only those in `endpoint_ids`. It works until it expires or is revoked; its sessions end then. A link never allows more than the calling key: payloads are shown if the key has the scope `payload`. The link begins with `POSTRIDER_PUBLIC_URL`.",
        tags,
        body: CreateBody,
        response: { 201: NewPortalLink },
      },
    },
    async (request, reply) => {
      const { body, caller } = request;
      const { access, endpoint_ids: endpointIds = null, theme = null } = body;
      const { team_id: teamId } = body;
      const maker = await getCallingKey(deps, caller);
      if (!maker.teamIds.includes(teamId)) {
        throw new AppError("team_not_found", "`team_id` must be a team that the API key reaches.");
      }
      requireScopes(access, maker.scopes);
      const { text, sha256 } = newToken("portalLink");
      const made = await deps.database.forTeams([teamId]).begin(async (tx) => {
        await requireEndpoints(tx, teamId, endpointIds);
        const link = await insertPortalLink(tx, {
          id: request.newId(),
          teamId,
          actor: caller.actorId,
          tokenSha256: sha256,
          access,
          payload: maker.scopes.includes("payload"),
          endpointIds,
          theme,
          expiresInSeconds: body.expires_in_seconds,
        });
        await keepLimit(tx, teamId);
        const audit = { ...auditOf(request, "portal_link.created"), teamId };
        await insertAuditEntry(tx, audit, link.id);
        return link;
      });
      reply.code(201);
      return {
        id: made.id,
        url: `${publicUrlOf(fastify, deps.config)}/portal/#login=${text}`,
        expires_at: made.expiresAt.toISOString(),
      };
    },
  );

  app.get(
    path,
    {
      config: { scope: "admin" },
      schema: {
        operationId: "listPortalLinks",
        summary: "Lists the team's active portal links, newest first, without the links themselves",
        tags,
        querystring: Type.Object(cursorOnlyQuery, { additionalProperties: false }),
        response: {
          200: Type.Object({ portal_links: Type.Array(PortalLinkAnswer), ...nextCursorField }),
        },
      },
    },
    async ({ query, caller }) => {
      const list = { keyring: deps.keyring, caller, name: "portal-links", filter: {} };
      const { page, told } = askedByCursor(list, query);
      const { rows, ...read } = await listPortalLinks(caller.database, caller.teamId, page);
      return { portal_links: rows.map(linkAnswer), ...told(read) };
    },
  );

  app.delete(
    `${path}/:portal_link_id`,
    {
      config: { scope: "admin" },
      schema: {
        operationId: "revokePortalLink",
        summary: "Revokes a portal link and ends its sessions, everywhere and immediately",
        tags,
        params: Type.Object({ portal_link_id: PathId }),
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const { database, teamId }: Caller = request.caller;
      const audit = auditOf(request, "portal_link.revoked");
      const id = request.params.portal_link_id;
      if (!(await deletePortalLink(database, teamId, id, audit))) throw new AppError("not_found");
      return reply.code(204).send(null);
    },
  );
}

/** Refuses a link with more access than its creator has. */
function requireScopes(access: CreateBody["access"], own: readonly Scope[]): void {
  const needed: Scope[] = access === "manage" ? ["read", "write"] : ["read"];
  const missing = needed.filter((scope) => !own.includes(scope));
  if (missing.length === 0) return;
  const named = missing.map((scope) => `\`${scope}\``).join(", ");
  throw new AppError(
    "scope_missing",
    `A link cannot grant more than the calling key has: the key lacks ${named}.`,
  );
}

async function requireEndpoints(
  tx: Tx,
  teamId: string,
  ids: readonly string[] | null,
): Promise<void> {
  const missing = ids === null ? [] : await listMissingEndpoints(tx, teamId, ids);
  if (missing.length === 0) return;
  const msg = "names no endpoint of the team";
  throw invalidRequest(
    missing.map((id) => ({
      loc: ["body", "endpoint_ids", ids?.indexOf(id) ?? 0],
      msg,
      type: "choice",
    })),
  );
}

async function keepLimit(tx: Tx, teamId: string): Promise<void> {
  await lockTeamsForCounting(tx, [teamId]);
  if ((await countPortalLinks(tx, teamId)) <= linksMax) return;
  throw new AppError(
    "quota_exceeded",
    `A team may have at most ${linksMax} active portal links. Revoke one first.`,
  );
}

const linkAnswer = (link: PortalLink): Static<typeof PortalLinkAnswer> => ({
  id: link.id,
  team_id: link.teamId,
  access: link.access,
  endpoint_ids: link.endpointIds,
  theme: link.theme,
  created_at: link.createdAt.toISOString(),
  expires_at: link.expiresAt.toISOString(),
  actor: link.createdBy,
});
