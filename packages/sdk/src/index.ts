export {
  type VerifyOptions,
  verify,
  type WebhookHeaders,
  type WebhookVerificationCode,
  WebhookVerificationError,
} from "./verify.ts";
