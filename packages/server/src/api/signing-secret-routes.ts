import type { FastifyInstance } from "fastify";
import Type from "typebox";
import { getSigningSecret, replaceSigningSecret } from "../actions/signing-secret.ts";
import type { Scope } from "../api-keys.ts";
import type { ApiDeps } from "./deps.ts";
import { nullable, PathId, Timestamp } from "./fields.ts";
import { acting, type TypeBox } from "./request.ts";

const SigningSecret = Type.Object(
  { secret: Type.String(), previous_expires_at: nullable(Timestamp) },
  { title: "SigningSecret" },
);

/** The owner of signing secrets: the path up to the id, the id's name in the path, and the names for OpenAPI. */
export type SigningSecretOwner = {
  path: string;
  idName: string;
  contract: string;
  /** Such as `WorkflowWebhook`, for the operation `getWorkflowWebhookSigningSecret`. */
  resource: string;
  /** Its name in the audit log. */
  noun: "workflow_webhook" | "webhook" | "assistant" | "operational_webhook";
  tags: readonly string[];
  /** The scope that the key needs; `write` by default. */
  scope?: Scope;
};

/** Reads and rotates the signing secret of one contract's subscriptions; an assistant's server has its assistant's id. */
export function signingSecretRoutes(
  fastify: FastifyInstance,
  deps: ApiDeps,
  { path, idName, contract, resource, noun, tags, scope = "write" }: SigningSecretOwner,
): void {
  const app = fastify.withTypeProvider<TypeBox>();
  const params = Type.Object({ [idName]: PathId });
  const idOf = (named: Record<string, string>) => named[idName] ?? "";

  // `write`, because the secret allows to forge requests; a read key only allows to read them.
  app.get(
    `${path}/:${idName}/signing-secret`,
    {
      config: { scope },
      schema: {
        operationId: `get${resource}SigningSecret`,
        summary: "Reads the signing secret",
        tags,
        params,
        response: { 200: SigningSecret },
      },
    },
    async (request) => {
      const { params, caller } = request;
      const owner = { teamId: caller.teamId, contract };
      const revealing = acting(deps, request, `${noun}.signing_secret_revealed`);
      return toAnswer(await getSigningSecret(revealing, owner, idOf(params)));
    },
  );

  app.post(
    `${path}/:${idName}/signing-secret/rotate`,
    {
      config: { scope },
      schema: {
        operationId: `rotate${resource}SigningSecret`,
        summary: "Creates a new signing secret; the old one stays valid for 24 hours",
        tags,
        params,
        response: { 200: SigningSecret },
      },
    },
    async (request) => {
      const { params, caller } = request;
      const owner = { teamId: caller.teamId, contract };
      const rotating = acting(deps, request, `${noun}.signing_secret_rotated`);
      return toAnswer(await replaceSigningSecret(rotating, owner, idOf(params), caller.actorId));
    },
  );
}

const toAnswer = (current: { secret: string; previousExpiresAt: Date | null }) => ({
  secret: current.secret,
  previous_expires_at: current.previousExpiresAt?.toISOString() ?? null,
});
