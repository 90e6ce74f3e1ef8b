import type { Problem } from "./api.gen.ts";

/** The code of an error answer: a code of docs/errors.md, or `unexpected_answer` for an answer of another program. */
export type ApiErrorCode = Problem["code"] | "unexpected_answer";

/** Thrown for an error answer. Distinguish errors by `code`; the message is for people. */
export class ApiError extends Error {
  readonly code: ApiErrorCode;
  readonly status: number;
  /** One readable sentence. */
  readonly detail: string;
  /** For 422: each field that is wrong. */
  readonly errors: NonNullable<Problem["errors"]>;
  /** The id with which the operator finds the request in the log. */
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

/** Thrown if no answer came; `cause` says why. The service may have executed the request. */
export class ConnectionError extends Error {
  constructor(cause: unknown) {
    super("Postrider did not answer.", { cause });
    this.name = "ConnectionError";
  }
}

/** Says whether the same request can succeed later: no answer, 429, or 5xx except 501. */
export function isTransient(error: unknown): boolean {
  if (error instanceof ConnectionError) return true;
  if (!(error instanceof ApiError)) return false;
  return error.status === 429 || (error.status >= 500 && error.status !== 501);
}

/** Makes the error of an answer that is not a success, whatever its body is. */
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
  "The service answered with a redirect. The client does not follow it, because it would send the API key there. Correct the client's `url`.";

const isProblem = (body: unknown): body is Partial<Problem> =>
  typeof body === "object" && body !== null && typeof (body as Problem).code === "string";
