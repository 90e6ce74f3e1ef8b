import type { FastifyInstance, FastifyRequest, FastifyTypeProvider } from "fastify";
import type { Static, TSchema } from "typebox";
import type { Scope } from "../api-keys.ts";
import type { Audit, AuditAction, Audited } from "../db/audit.ts";
import type { Database } from "../db/pool.ts";
import type { PortalGrant } from "../db/portal-links.ts";
import type { JsonText } from "../domain/json-text.ts";
import type { TraceContext } from "../domain/trace-context.ts";
import { AppError } from "../errors.ts";
import type { ApiDeps } from "./deps.ts";

/** Who asks: authentication settles it before any handler runs. */
export type Caller = {
  /** The team that the request is about, and the only one that `database` reaches. */
  teamId: string;
  database: Database;
  /** The same, for whoever only reads lists and counts: as new, and maybe on a standby. */
  lists: Database;
  /** Who acts, as the audit and attempts tell: the id of the API key, or of the session. */
  actorId: string;
  /** The key that was sent, or that the session is of; a session of the portal has none. */
  apiKeyId?: string;
  /** The browser's session by whose cookie this is asked. */
  sessionId?: string;
  /** What the portal link says that opened the session; of others there is none. */
  portal?: PortalGrant;
  /** Where it names endpoints: these are all that may be shown and changed. */
  endpointIds?: readonly string[];
  scopes: ReadonlySet<Scope>;
  /** The trace that the request belongs to (W3C Trace Context). */
  trace: TraceContext | undefined;
};

declare module "fastify" {
  interface FastifyRequest {
    caller: Caller;
    /** A fresh resource id; under an Idempotency-Key the same one on every repeat of the request. */
    newId(): string;
    /** Names what the request reports, the same on every repeat; undefined without an Idempotency-Key. */
    factIdentity: string | undefined;
    /** The exact source text of each top-level member of the body; empty without a body. */
    bodyMembers: ReadonlyMap<string, JsonText>;
    /** The body as it came; undefined without one. */
    bodyBytes: Buffer | undefined;
  }
  interface FastifyContextConfig {
    /** What the key must be allowed to do; `any` key will do, and `none` is for routes that anybody may call. */
    scope?: Scope | "any" | "none";
  }
  interface FastifySchema {
    operationId?: string;
    summary?: string;
    description?: string;
    tags?: readonly string[];
    /** Left out of the OpenAPI document. */
    hide?: boolean;
  }
}

/** Gives handlers the types of their TypeBox schemas: `app.withTypeProvider<TypeBox>()`. */
export interface TypeBox extends FastifyTypeProvider {
  validator: this["schema"] extends TSchema ? Static<this["schema"]> : unknown;
  serializer: this["schema"] extends TSchema ? Static<this["schema"]> : unknown;
}

/** Adds the routes of one resource. */
export type Routes = (app: FastifyInstance, deps: ApiDeps) => void;

/** What to put into the audit log of the caller's team. */
export const auditOf = (
  { caller, id }: { caller: Omit<Caller, "database" | "lists" | "scopes" | "trace">; id: string },
  action: AuditAction,
): Audit => {
  const { teamId, actorId, apiKeyId, portal } = caller;
  const whose = portal ? { actorName: "portal" } : apiKeyId !== undefined && { apiKeyId };
  return { teamId, actorId, ...whose, requestId: id, action };
};

/** What a handler hands to an action that changes something: the caller's part of the database, and what to put into the audit log. */
export const acting = (
  deps: ApiDeps,
  request: Pick<FastifyRequest, "caller" | "id">,
  action: AuditAction,
): Omit<ApiDeps, "database"> & { database: Database } & Audited => ({
  ...deps,
  database: request.caller.database,
  audit: auditOf(request, action),
});

/** The id of the key by which somebody asks; who has none gets nothing that is a key's. */
export function keyIdOf({ apiKeyId }: Pick<Caller, "apiKeyId">): string {
  if (apiKeyId === undefined) throw new AppError("unauthorized");
  return apiKeyId;
}
