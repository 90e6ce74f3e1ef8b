import type { FastifyReply, FastifyRequest } from "fastify";
import { isRetryable, isStorageUnavailable, isTimeout, sqlState } from "../db/errors.ts";
import { AppError, describeError, type ErrorCode, type FieldError } from "../errors.ts";

/** The body of every error answer: RFC 9457 with a code, a request id and, for 422, the fields that are wrong. */
export type Problem = {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ErrorCode;
  request_id: string;
  errors?: FieldError[];
};

/** The media type of a problem (RFC 9457 §3). */
export const problemType = "application/problem+json";

/** Makes the answer for an error. `type` names the entry in docs/errors.md. */
export function problemOf(error: AppError, requestId: string): Problem {
  const { status, title } = describeError(error.code);
  return {
    type: `urn:postrider:error:${error.code}`,
    title,
    status,
    detail: error.detail ?? title,
    code: error.code,
    request_id: requestId,
    ...(error.errors ? { errors: error.errors } : {}),
  };
}

/** Answers with a problem and the headers that belong to it. */
export function sendProblem(request: FastifyRequest, reply: FastifyReply, error: AppError): void {
  reply.code(error.status).header("x-request-id", request.id).type(problemType);
  if (error.code === "unauthorized") reply.header("www-authenticate", "Bearer");
  const seconds = retryAfterSeconds[error.code];
  if (seconds !== undefined) reply.header("retry-after", seconds);
  reply.send(JSON.stringify(problemOf(error, request.id)));
}

const retryAfterSeconds: Partial<Record<ErrorCode, number>> = {
  idempotency_key_in_flight: 1,
  // The bucket gets at least one token a second.
  rate_limited: 1,
  overloaded: 1,
  shutting_down: 1,
  storage_unavailable: 2,
  not_ready: 2,
  query_too_slow: 5,
};

/** Turns any thrown value into an error that the caller may see. An unknown one becomes an `internal_error`. */
export function toAppError(thrown: unknown): AppError {
  if (thrown instanceof AppError) return thrown;
  const known = frameworkCodes[codeOf(thrown)];
  if (known === "body_too_large") {
    return new AppError(known, "A body may be at most 256 KiB; a list of facts, 1 MiB.");
  }
  if (known) return new AppError(known);
  if (isStorageUnavailable(thrown)) return new AppError("storage_unavailable");
  if (isTimeout(thrown)) return new AppError("query_too_slow");
  if (isRetryable(thrown)) return new AppError("overloaded");
  // Class 22: PostgreSQL cannot hold a value that the schemas let through. No input may cause a 500.
  if (sqlState(thrown)?.startsWith("22")) {
    return new AppError(
      "invalid_request",
      "A value cannot be stored, for example a text with U+0000.",
    );
  }
  const status = (thrown as { statusCode?: unknown } | null)?.statusCode;
  if (typeof status === "number" && status >= 400 && status < 500) {
    return new AppError("malformed_request");
  }
  return new AppError("internal_error");
}

const frameworkCodes: Record<string, ErrorCode> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "unsupported_media_type",
  FST_ERR_CTP_BODY_TOO_LARGE: "body_too_large",
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: "malformed_body",
  // A path that cannot be decoded, or is too long, is not found.
  FST_ERR_BAD_URL: "not_found",
  FST_ERR_MAX_PARAM_LENGTH: "not_found",
};

const codeOf = (thrown: unknown): string => {
  const code = thrown instanceof Error ? (thrown as { code?: unknown }).code : undefined;
  return typeof code === "string" ? code : "";
};
