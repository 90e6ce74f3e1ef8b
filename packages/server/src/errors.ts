/** Every error a caller can see. docs/errors.md lists the same codes; a test compares them. */
const catalogue = {
  invalid_request: { status: 422, title: "The request is not valid." },
  malformed_body: { status: 400, title: "The body is not a valid JSON object." },
  malformed_request: { status: 400, title: "The request cannot be read." },
  headers_too_large: { status: 431, title: "The request's headers are too large." },
  unsupported_media_type: { status: 415, title: "Send JSON: content-type application/json." },
  body_too_large: { status: 413, title: "The body is too large." },
  request_timeout: { status: 408, title: "The request took too long to arrive." },
  unauthorized: { status: 401, title: "The API key is missing or not valid." },
  scope_missing: { status: 403, title: "The API key lacks the scope that this request needs." },
  foreign_origin: {
    status: 403,
    title: "A browser's request must come from this service's own pages.",
  },
  not_found: { status: 404, title: "Not found." },
  team_not_found: { status: 404, title: "The API key does not reach this team." },
  method_not_allowed: { status: 405, title: "This path does not support this method." },
  transition_refused: { status: 409, title: "This report does not fit the present state." },
  reported_differently: {
    status: 409,
    title: "This id was reported before with different content.",
  },
  report_sent: { status: 409, title: "The call's report has already been sent." },
  id_taken: { status: 409, title: "This id is already in use." },
  too_many_unfinished_runs: { status: 409, title: "The workflow has too many unfinished runs." },
  delivery_in_flight: { status: 409, title: "The delivery is being attempted right now." },
  subscription_gone: { status: 409, title: "The delivery's subscription was deleted." },
  subscription_disabled: { status: 409, title: "The subscription is disabled. Enable it first." },
  endpoint_incomplete: {
    status: 409,
    title: "The endpoint has no event types. Name at least one before you enable it.",
  },
  answer_too_late: {
    status: 409,
    title: "The request was given up before this answer came.",
  },
  payload_expired: { status: 410, title: "The event's payload is past its retention." },
  payload_gone: {
    status: 409,
    title: "The payload is past its retention, so the delivery cannot be retried.",
  },
  default_team: { status: 409, title: "The default team cannot be deleted." },
  operators_key: {
    status: 409,
    title: "This API key comes from the setting POSTRIDER_API_KEY. Change the setting instead.",
  },
  key_in_use: { status: 409, title: "An API key cannot revoke itself." },
  quota_exceeded: { status: 409, title: "Quota reached." },
  idempotency_key_in_flight: {
    status: 409,
    title: "A request with this Idempotency-Key is still in progress.",
  },
  idempotency_key_reused: {
    status: 422,
    title: "This Idempotency-Key was used for another request.",
  },
  rate_limited: { status: 429, title: "Too many requests with this API key. Slow down." },
  url_refused: { status: 422, title: "This service does not deliver to this URL." },
  overloaded: { status: 503, title: "The service is overloaded. Try again shortly." },
  storage_unavailable: { status: 503, title: "The database cannot be reached. Try again shortly." },
  query_too_slow: { status: 503, title: "The query took too long. Narrow it down." },
  not_ready: { status: 503, title: "The service is not ready." },
  shutting_down: { status: 503, title: "This process is shutting down. Try again." },
  internal_error: { status: 500, title: "An unexpected error happened in the service." },
} as const;

export type ErrorCode = keyof typeof catalogue;

/** One thing wrong with a request: where (`["body","url"]`), in words, and its kind. */
export type FieldError = { loc: (string | number)[]; msg: string; type: string };

/** An error meant for the caller. Anything else that is thrown is a bug and becomes a 500. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly detail: string | undefined;
  readonly errors: FieldError[] | undefined;

  constructor(code: ErrorCode, detail?: string, errors?: FieldError[]) {
    super(catalogue[code].title);
    this.name = "AppError";
    this.code = code;
    this.detail = detail;
    this.errors = errors;
  }

  get status(): number {
    return catalogue[this.code].status;
  }
}

/**
 * Makes the error for a report whose id is known and whose content differs from the recorded content (contracts §5).
 *
 * `members` are paths of members of the report's body, such as `["input"]`, or of the `fact` whose data that body is;
 * values are never named.
 */
export function reportedDifferently(
  members: readonly FieldError["loc"][],
  of: "body" | "fact" = "body",
): AppError {
  const names = members.map((path) => path.join(".")).join(", ");
  return new AppError(
    "reported_differently",
    `This id was reported before with different content. These members differ: ${names}.`,
    members.map((path) => ({
      loc: [of, ...path],
      msg: "differs from what was recorded",
      type: "differs",
    })),
  );
}

/** Lists every code a caller can see. */
export const errorCodes = (): ErrorCode[] => Object.keys(catalogue) as ErrorCode[];

/** The HTTP status and the one-sentence title of a code. */
export const describeError = (code: ErrorCode): { status: number; title: string } =>
  catalogue[code];
