import type { FastifyInstance } from "fastify";
import Type from "typebox";
import { type AuditEntry, auditActions, listAuditEntries } from "../../db/audit.ts";
import { nextCursorField } from "../cursor.ts";
import type { ApiDeps } from "../deps.ts";
import { Id, Instant, parseInstant, Timestamp, textOf } from "../fields.ts";
import { askedByCursor, cursorOnlyQuery } from "../paging.ts";
import type { TypeBox } from "../request.ts";

const Entry = Type.Object(
  {
    id: Type.String(),
    created_at: Timestamp,
    actor: Type.Object({ id: Type.String(), name: Type.String() }),
    action: Type.String(),
    subject: Type.Object({ type: Type.String(), id: Type.String() }),
    request_id: Type.String(),
  },
  { title: "AuditEntry" },
);

/** The audit log: who changed a team's configuration, and who read its secrets. */
export function auditRoutes(fastify: FastifyInstance, deps: ApiDeps): void {
  fastify.withTypeProvider<TypeBox>().get(
    "/v1/audit",
    {
      // It shows who has which key.
      config: { scope: "admin" },
      schema: {
        operationId: "listAuditEntries",
        summary: "Lists the changes of the team's configuration and who made them, newest first",
        description:
          "One entry for each change, each secret that was shown, and each manual retry; none for facts and refused requests. `actor` is the id of an API key, or of a session with its key's name. `subject` is the id of the changed object. `since` is included, `until` is not. Entries are kept for 400 days.",
        tags: ["Audit"],
        querystring: Type.Object(
          {
            ...cursorOnlyQuery,
            actor: Type.Optional(Id),
            action: Type.Optional(Type.Enum(auditActions)),
            subject: Type.Optional(textOf(64)),
            since: Type.Optional(Instant),
            until: Type.Optional(Instant),
          },
          { additionalProperties: false },
        ),
        response: { 200: Type.Object({ entries: Type.Array(Entry), ...nextCursorField }) },
      },
    },
    async ({ query, caller }) => {
      const filter = {
        actorId: query.actor ?? null,
        action: query.action ?? null,
        subjectId: query.subject ?? null,
        since: query.since === undefined ? null : parseInstant(query.since, ["query", "since"]),
        until: query.until === undefined ? null : parseInstant(query.until, ["query", "until"]),
      };
      const list = { keyring: deps.keyring, caller, name: "audit", filter };
      const { page, told } = askedByCursor(list, query);
      const { rows, ...read } = await listAuditEntries(caller.lists, caller.teamId, filter, page);
      return { entries: rows.map(entryAnswer), ...told(read) };
    },
  );
}

const entryAnswer = (entry: AuditEntry) => ({
  id: entry.id,
  created_at: entry.createdAt.toISOString(),
  actor: { id: entry.actorId, name: entry.actorName },
  action: entry.action,
  subject: { type: entry.action.split(".")[0] ?? "", id: entry.subjectId },
  request_id: entry.requestId,
});
