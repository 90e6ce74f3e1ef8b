export type * from "./api.gen.ts";
export { ApiError, type ApiErrorCode, ConnectionError } from "./api-error.ts";
export type { CallReporter } from "./call-reporter.ts";
export { Postrider } from "./client.ts";
export type { ClientOptions } from "./client-options.ts";
export { contractOfEventType } from "./events.gen.ts";
export type { WebhookEvent, WebhookEventOf } from "./events.ts";
export type { BufferOptions } from "./fact-buffer.ts";
export type { Fact, FactError, FactSink, ReportedFact } from "./facts.ts";
export type { VerifyOptions } from "./freshness.ts";
export type { Bytes } from "./guards.ts";
export { FactsRefused, type Refusal } from "./refusals.ts";
export type { OnReportError } from "./report-errors.ts";
export type { ReportOptions } from "./reports.ts";
export type { RequestOptions } from "./request.ts";
export type { DeliveryChange } from "./resources/deliveries.ts";
export type { ListenedRequest, ListenerRequest } from "./resources/listeners.ts";
export type { ReplayWait, StartedReplay } from "./resources/replays.ts";
export type { RunReporter, StepOptions } from "./run-reporter.ts";
export {
  verify,
  type WebhookHeaders,
  type WebhookVerificationCode,
  WebhookVerificationError,
} from "./verify.ts";
export {
  type HeaderValue,
  type TimedHeaders,
  verifyBearer,
  verifyBody,
  verifySecret,
  verifyTimedBody,
} from "./verify-headers.ts";
