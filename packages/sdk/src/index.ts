export type * from "./api.gen.ts";
export { ApiError, type ApiErrorCode, ConnectionError } from "./api-error.ts";
export type { CallReporter } from "./call-reporter.ts";
export { Postrider } from "./client.ts";
export { type BufferOptions, type FactSink, FactsRefused, type Refusal } from "./fact-buffer.ts";
export type { Fact, FactError, ReportedFact } from "./facts.ts";
export type { ClientOptions, RequestOptions } from "./request.ts";
export type { RunReporter, StepOptions } from "./run-reporter.ts";
export {
  type VerifyOptions,
  verify,
  type WebhookHeaders,
  type WebhookVerificationCode,
  WebhookVerificationError,
} from "./verify.ts";
export { type HeaderValue, verifyBearer, verifyBody, verifySecret } from "./verify-headers.ts";
