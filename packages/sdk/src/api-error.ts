import type { Problem } from "./api.gen.ts";

/** What a refusal is called: a code of docs/errors.md, or `unexpected_answer` for what is no problem of ours. */
export type ApiErrorCode = Problem["code"] | "unexpected_answer";

/** Is thrown for an answer that is no success. Tell them apart by `code`; the message is for people. */
export class ApiError extends Error {
  readonly code: ApiErrorCode;
  readonly status: number;
  /** One readable sentence. */
  readonly detail: string;
  /** For 422: each field that is wrong. */
  readonly errors: NonNullable<Problem["errors"]>;
  /** What the operator finds the request by. */
  readonly requestId: string | undefined;

  constructor(problem: Partial<Problem> & { status: number }) {
    const detail = problem.detail ?? `The service answered ${problem.status}.`;
    const code = problem.code ?? "unexpected_answer";
    super(`${code}: ${detail}`);
    this.name = "ApiError";
    this.code = code;
    this.status = problem.status;
    this.detail = detail;
    this.errors = problem.errors ?? [];
    this.requestId = problem.request_id;
  }
}

/** Is thrown when no answer came at all; `cause` says why. What was asked for may have been done. */
export class ConnectionError extends Error {
  constructor(cause: unknown) {
    super("Postrider did not answer.", { cause });
    this.name = "ConnectionError";
  }
}

/** Says whether the same request may well succeed later: no answer, 429, or 5xx but 501. */
export function isTransient(error: unknown): boolean {
  if (error instanceof ConnectionError) return true;
  if (!(error instanceof ApiError)) return false;
  return error.status === 429 || (error.status >= 500 && error.status !== 501);
}

/** Reads the error of an answer that is no success, whatever its body is. */
export function apiErrorOf(response: Response, body: unknown): ApiError {
  const { status } = response;
  const problem = isProblem(body) ? body : {};
  const requestId = problem.request_id ?? response.headers.get("x-request-id") ?? undefined;
  return new ApiError({
    ...(isRedirect(response) ? { detail: redirected } : {}),
    ...problem,
    status,
    ...(requestId === undefined ? {} : { request_id: requestId }),
  });
}

/** In browsers a redirect that is not followed shows no status. */
const isRedirect = ({ status, type }: Response): boolean =>
  type === "opaqueredirect" || (status >= 300 && status < 400);

const redirected =
  "The service answered with a redirect. It is not followed, for the API key would go along; correct the client's `url`.";

const isProblem = (body: unknown): body is Partial<Problem> =>
  typeof body === "object" && body !== null && typeof (body as Problem).code === "string";
