import { createHash } from "node:crypto";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { isAway } from "../db/errors.ts";
import {
  claimIdempotencyKey,
  keepIdempotentAnswer,
  releaseIdempotencyKey,
} from "../db/idempotency-keys.ts";
import type { Sql } from "../db/sql.ts";
import { AppError } from "../errors.ts";
import { reach } from "../fault-points.ts";
import { idFromSeed } from "../ids.ts";
import { openPatience } from "../patience.ts";
import type { SealContext } from "../secrets.ts";
import { binaryHeaders } from "./cloud-events.ts";
import type { ApiDeps } from "./deps.ts";

/** A request that holds its key: only it may store the answer or release the key. */
type Held = { sql: Sql; teamId: string; key: string; token: string };

/** The stored answer, sealed because it can contain a secret that is shown once. */
type Kept = { type: string; location?: string; body: string };

/**
 * Honours `Idempotency-Key` on every POST: for 24 hours the same request gets the same answer.
 *
 * Answers of 500 and above are not stored: they release the key. The repeat derives the same ids as the first request, so
 * work that was committed before the failure is found and not done twice.
 */
export function honourIdempotencyKeys(app: FastifyInstance, deps: ApiDeps): void {
  const patience = openPatience(isAway);
  const held = new WeakMap<FastifyRequest, Held>();

  app.addHook("preValidation", async (request, reply) => {
    const given = request.headers["idempotency-key"];
    if (request.method !== "POST" || given === undefined || request.caller === null) return;
    if (typeof given !== "string" || !/^[\x20-\x7e]{1,255}$/.test(given)) {
      throw new AppError(
        "invalid_request",
        "Idempotency-Key must be 1 to 255 printable ASCII characters.",
        [
          {
            loc: ["header", "idempotency-key"],
            msg: "must be 1 to 255 printable ASCII characters",
            type: "pattern",
          },
        ],
      );
    }
    const { teamId, database } = request.caller;
    const { sql } = database;
    // A caller's key may contain personal data, so only its hash is stored.
    const key = createHash("sha256").update(given).digest("hex");
    const fingerprint = fingerprintOf(request);
    let tries = 0;
    const ask = () => {
      tries++;
      return claimIdempotencyKey(sql, teamId, key, fingerprint);
    };
    const waits = request.routeOptions.config.scope === "publish";
    const claim = await (waits ? patience(ask) : ask());
    switch (claim.kind) {
      case "claimed": {
        held.set(request, { sql, teamId, key, token: claim.token });
        let count = 0;
        const idOf = (what: number | string) =>
          idFromSeed(claim.createdAtSeconds, [teamId, key, what].join("\n"));
        request.newId = () => idOf(++count);
        request.factIdentity = idOf("fact");
        return;
      }
      case "in_flight":
        // It may be this request's own claim, whose answer was lost with the database.
        if (tries > 1) throw new AppError("storage_unavailable");
        throw new AppError("idempotency_key_in_flight");
      case "reused":
        throw new AppError("idempotency_key_reused");
      case "answered":
        return replay(reply, claim.statusCode, open(claim.sealedResponse, teamId, key));
      default:
        throw new Error(`unknown claim ${claim satisfies never}`);
    }
  });

  app.addHook("onSend", async (request, reply, payload) => {
    const own = held.get(request);
    if (!own) return;
    held.delete(request);
    reach("before_idempotent_answer");
    try {
      if (reply.statusCode >= 500 || !isText(payload)) {
        await releaseIdempotencyKey(own.sql, own.teamId, own.key, own);
        return;
      }
      const sealedResponse = deps.keyring.seal(
        JSON.stringify(kept(reply, payload)),
        storedAnswerContext(own.teamId, own.key),
      );
      const subjectId = subjectOf(request, payload);
      const answer = { statusCode: reply.statusCode, sealedResponse, subjectId };
      await keepIdempotentAnswer(own.sql, own.teamId, own.key, own, answer);
    } catch (err) {
      // The work is done: the caller gets the answer, and a repeat derives the same ids.
      deps.log.warn(
        { err, request_id: request.id },
        "an answer could not be stored for its Idempotency-Key",
      );
    }
  });

  const open = (sealed: Buffer, teamId: string, key: string): Kept =>
    JSON.parse(deps.keyring.open(sealed, storedAnswerContext(teamId, key)));
}

const isText = (payload: unknown): payload is string | null | undefined =>
  payload === null || payload === undefined || typeof payload === "string";

function kept(reply: FastifyReply, payload: string | null | undefined): Kept {
  const location = reply.getHeader("location");
  return {
    type: String(reply.getHeader("content-type") ?? ""),
    body: payload ?? "",
    ...(typeof location === "string" ? { location } : {}),
  };
}

/** The run or call of an answer: its id is in the path, or it was just created and is the first id in the answer. */
function subjectOf(request: FastifyRequest, payload: string | null | undefined): string | null {
  const params = request.params as { run_id?: string; conversation_id?: string };
  const made = /^\{(?:"run":\{)?"id":"([^"]{1,64})"/.exec(payload ?? "")?.[1];
  return params.run_id ?? params.conversation_id ?? made ?? null;
}

function replay(reply: FastifyReply, statusCode: number, answer: Kept): FastifyReply {
  reply.code(statusCode).header("idempotent-replayed", "true");
  if (answer.type !== "") reply.header("content-type", answer.type);
  if (answer.location !== undefined) reply.header("location", answer.location);
  return reply.send(answer.body === "" ? undefined : answer.body);
}

const storedAnswerContext = (teamId: string, key: string): SealContext => ({
  table: "idempotency_keys",
  column: "sealed_response",
  teamId,
  rowId: key,
});

/** The fingerprint of a request: its caller, method, path, every byte of the body, and headers with content. */
function fingerprintOf(request: FastifyRequest): Buffer {
  const { actorId, teamId } = request.caller;
  const said = binaryHeaders(request.headers);
  return createHash("sha256")
    .update([actorId, teamId, request.method, request.url, ...said, ""].join("\n"))
    .update(request.bodyBytes ?? "")
    .digest();
}
