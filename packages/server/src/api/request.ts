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

/** The caller; authentication sets it before any handler runs. */
export type Caller = {
  /** The team that the request is about, and the only one that `database` reaches. */
  teamId: string;
  database: Database;
  /** The same rows for lists and counts: as recent, possibly from a standby. */
  lists: Database;
  /** The actor in the audit log and in attempts: the id of the API key or of the session. */
  actorId: string;
  /** The id of the key that was sent, or of the session's key; a portal session has none. */
  apiKeyId?: string;
  /** The id of the browser session whose cookie was sent. */
  sessionId?: string;
  /** The grant of the portal link that opened the session; undefined for other callers. */
  portal?: PortalGrant;
  /** If the portal link names endpoints: only these may be shown and changed. */
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
    /** The identity of the request's fact, the same on every repeat; undefined without an Idempotency-Key. */
    factIdentity: string | undefined;
    /** The exact source text of each top-level member of the body; empty without a body. */
    bodyMembers: ReadonlyMap<string, JsonText>;
    /** The exact bytes of the body; undefined without one. */
    bodyBytes: Buffer | undefined;
  }
  interface FastifyContextConfig {
    /** The scope that the key needs; `any`: every key; `none`: no authentication. */
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

/** The audit context of a request, for the log of the caller's team. */
export const auditOf = (
  { caller, id }: { caller: Omit<Caller, "database" | "lists" | "scopes" | "trace">; id: string },
  action: AuditAction,
): Audit => {
  const { teamId, actorId, apiKeyId, portal } = caller;
  const whose = portal ? { actorName: "portal" } : apiKeyId !== undefined && { apiKeyId };
  return { teamId, actorId, ...whose, requestId: id, action };
};

/** The dependencies of an action that changes something: the caller's part of the database, and the audit context. */
export const acting = (
  deps: ApiDeps,
  request: Pick<FastifyRequest, "caller" | "id">,
  action: AuditAction,
): Omit<ApiDeps, "database"> & { database: Database } & Audited => ({
  ...deps,
  database: request.caller.database,
  audit: auditOf(request, action),
});

/** The id of the caller's key; callers without a key are refused. */
export function keyIdOf({ apiKeyId }: Pick<Caller, "apiKeyId">): string {
  if (apiKeyId === undefined) throw new AppError("unauthorized");
  return apiKeyId;
}
