import type { FastifyInstance, FastifyRequest } from "fastify";
import Type, { type Static } from "typebox";
import { type Scope, scopes } from "../../api-keys.ts";
import type { Audit } from "../../db/audit.ts";
import { endPortalSession, findPortalSession } from "../../db/portal-links.ts";
import {
  endSessionsOfKey,
  findSessionOfKey,
  listSessionsOfKey,
  moveSessionOfKey,
  type Session,
} from "../../db/sessions.ts";
import { AppError } from "../../errors.ts";
import { objectIdPattern } from "../../ids.ts";
import { getCallingKey } from "../auth.ts";
import { nextCursorField } from "../cursor.ts";
import type { ApiDeps } from "../deps.ts";
import { slowGuessing } from "../failed-guesses.ts";
import { Id, Timestamp, textOf } from "../fields.ts";
import { openOwnPages } from "../own-pages.ts";
import { askedByCursor, cursorOnlyQuery } from "../paging.ts";
import { auditOf, type Caller, keyIdOf, type TypeBox } from "../request.ts";
import { clearSessionCookie, setSessionCookie } from "../session-cookie.ts";
import { openSession } from "../sign-in.ts";

const CreateBody = Type.Object(
  {
    api_key: Type.Optional(textOf(300)),
    login_token: Type.Optional(textOf(100)),
  },
  { additionalProperties: false, title: "SessionCreate" },
);

const UpdateBody = Type.Object(
  { team_id: Id },
  { additionalProperties: false, title: "SessionUpdate" },
);

const SessionAnswer = Type.Object(
  {
    id: Type.String(),
    team_id: Type.String({
      description: "The team that the session acts for, unless `X-Org-Id` names another one.",
    }),
    scopes: Type.Array(Type.Enum(scopes)),
    created_at: Timestamp,
    last_seen_at: Timestamp,
    expires_at: Timestamp,
    current: Type.Boolean({ description: "Whether this request was made with this session." }),
  },
  { title: "Session" },
);

const params = Type.Object({
  session_id: Type.String({ pattern: `${objectIdPattern}|^current$` }),
});
const tags = ["Sessions"];
const currentToo = "`current` marks the session whose cookie this request has.";

/** Browser sessions: a cookie with the access of a key. */
export function sessionRoutes(fastify: FastifyInstance, deps: ApiDeps): void {
  const app = fastify.withTypeProvider<TypeBox>();
  const slowDown = slowGuessing();
  const requireOwnPage = openOwnPages(fastify, deps.config);

  app.post(
    "/v1/sessions",
    {
      config: { scope: "none" },
      schema: {
        operationId: "createSession",
        summary: "Signs a browser in: opens a session and sets its cookie",
        description:
          "Send an API key, or the token of a link: a login link works once and for ten minutes, a portal link until it expires or is revoked. The session has the permissions of the key. It ends after twelve hours without a request, when somebody ends it, or when the key is revoked. With the session cookie, a request that changes something needs the header `x-postrider-request: 1` and must come from this service's own pages; the same holds for this request if a page sends it. A key has at most 100 sessions: one more ends the session that was used longest ago. The answer is not stored for `Idempotency-Key`.",
        tags,
        body: CreateBody,
        response: { 201: SessionAnswer },
      },
    },
    async (request, reply) => {
      // Otherwise another site's page could sign a browser in as another user (login CSRF).
      const { origin, cookie, "sec-fetch-site": site } = request.headers;
      if ([origin, cookie, site].some((one) => one !== undefined)) requireOwnPage(request);
      const id = request.newId();
      const opened = await openSession(deps, { ...request.body, id, requestId: request.id });
      if (!opened) {
        await slowDown(request.ip);
        throw new AppError("unauthorized", "The API key or the link is not valid.");
      }
      const { kind, token, session, scopes } = opened;
      reply.code(201).header("set-cookie", setSessionCookie(kind, token));
      return sessionAnswer(session, { scopes, sessionId: id });
    },
  );

  app.get(
    "/v1/sessions",
    {
      config: { scope: "any" },
      schema: {
        operationId: "listSessions",
        summary: "Lists the open sessions of the calling key, newest first",
        description: "`last_seen_at` is accurate to the minute.",
        tags,
        querystring: Type.Object(cursorOnlyQuery, { additionalProperties: false }),
        response: { 200: Type.Object({ sessions: Type.Array(SessionAnswer), ...nextCursorField }) },
      },
    },
    async ({ query, caller }) => {
      const apiKeyId = keyIdOf(caller);
      const list = { keyring: deps.keyring, caller, name: "sessions", filter: { apiKeyId } };
      const { page, told } = askedByCursor(list, query);
      const { database } = await ofKey(deps, caller);
      const { rows, ...read } = await listSessionsOfKey(database, apiKeyId, page);
      return { sessions: rows.map((row) => sessionAnswer(row, caller)), ...told(read) };
    },
  );

  app.delete(
    "/v1/sessions",
    {
      config: { scope: "any" },
      schema: {
        operationId: "endSessions",
        summary: "Signs out everywhere: ends all sessions of the calling key",
        tags,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const { database } = await ofKey(deps, request.caller);
      const audit = auditOf(request, "session.ended");
      await endSessionsOfKey(database, keyIdOf(request.caller), null, audit);
      if (request.caller.sessionId) reply.header("set-cookie", clearSessionCookie("dashboard"));
      return reply.code(204).send(null);
    },
  );

  app.get(
    "/v1/sessions/:session_id",
    {
      config: { scope: "any" },
      schema: {
        operationId: "getSession",
        summary: "Gets an open session of the calling key",
        description: currentToo,
        tags,
        params,
        response: { 200: SessionAnswer },
      },
    },
    async (request) => {
      const { caller } = request;
      const id = idOf(request);
      const found = caller.portal
        ? await findPortalSession(caller.database.sql, caller.teamId, id)
        : await findSessionOfKey((await ofKey(deps, caller)).database.sql, keyIdOf(caller), id);
      if (!found) throw new AppError("not_found");
      return sessionAnswer(found, caller);
    },
  );

  app.patch(
    "/v1/sessions/:session_id",
    {
      config: { scope: "any" },
      schema: {
        operationId: "updateSession",
        summary: "Switches a session of the calling key to another of the key's teams",
        description: `${currentToo} A page that shows one team's data should still name the team in \`X-Org-Id\`: another tab may have switched the session.`,
        tags,
        params,
        body: UpdateBody,
        response: { 200: SessionAnswer },
      },
    },
    async (request) => {
      const { caller, body } = request;
      const { database, teamIds } = await ofKey(deps, caller);
      const [id, apiKeyId] = [idOf(request), keyIdOf(caller)];
      if (!(await findSessionOfKey(database.sql, apiKeyId, id))) {
        throw new AppError("not_found");
      }
      if (!teamIds.includes(body.team_id)) {
        throw new AppError("team_not_found", "`team_id` must be a team that the key reaches.");
      }
      const moved = await moveSessionOfKey(database.sql, apiKeyId, id, body.team_id);
      if (!moved) throw new AppError("not_found");
      return sessionAnswer(moved, caller);
    },
  );

  app.delete(
    "/v1/sessions/:session_id",
    {
      config: { scope: "any" },
      schema: {
        operationId: "endSession",
        summary: "Ends a session of the calling key, everywhere and immediately",
        description: currentToo,
        tags,
        params,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const { caller } = request;
      const id = idOf(request);
      const audit = auditOf(request, "session.ended");
      const ended = caller.portal
        ? await endPortalSession(caller.database, caller.teamId, id, audit)
        : await endOwnSession(deps, caller, id, audit);
      if (!ended) throw new AppError("not_found");
      if (id === caller.sessionId) {
        const kind = caller.portal ? "portal" : "dashboard";
        reply.header("set-cookie", clearSessionCookie(kind));
      }
      return reply.code(204).send(null);
    },
  );
}

async function endOwnSession(
  deps: ApiDeps,
  caller: Caller,
  id: string,
  audit: Audit,
): Promise<boolean> {
  const { database } = await ofKey(deps, caller);
  return (await endSessionsOfKey(database, keyIdOf(caller), id, audit)) > 0;
}

/** The teams that the calling key reaches now, and their part of the database: its sessions may act for any of them. */
async function ofKey(deps: ApiDeps, caller: Caller) {
  const { teamIds } = await getCallingKey(deps, caller);
  return { teamIds, database: deps.database.forTeams(teamIds) };
}

/** The session id of a path; `current` is refused when the caller is a key. */
function idOf({
  params,
  caller,
}: Pick<FastifyRequest, "caller"> & { params: { session_id: string } }): string {
  const id = params.session_id === "current" ? caller.sessionId : params.session_id;
  if (id === undefined) {
    throw new AppError("not_found", "This request was made with an API key, not with a session.");
  }
  return id;
}

const sessionAnswer = (
  session: Session,
  { scopes, sessionId }: { scopes: Iterable<Scope>; sessionId?: string },
): Static<typeof SessionAnswer> => ({
  id: session.id,
  team_id: session.teamId,
  scopes: [...scopes],
  created_at: session.createdAt.toISOString(),
  last_seen_at: session.lastSeenAt.toISOString(),
  expires_at: session.expiresAt.toISOString(),
  current: session.id === sessionId,
});
