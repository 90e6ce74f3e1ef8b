import type { Fact } from "../facts.ts";
import type { Happening } from "../lifecycle/happening.ts";
import type { TraceContext } from "../trace-context.ts";

/** The largest size of one reported document, in bytes: no request is larger. */
export const documentBytesMax = 1024 * 1024;

/** The event that a contract makes of a happening. It never changes afterwards. */
export type RenderedEvent = {
  /** The derived UUID; `event_<uuid>` on the wire. */
  id: string;
  teamId: string;
  contract: string;
  eventType: string;
  dedupeKey: string;
  workflowId: string | null;
  workflowName: string | null;
  runId: string | null;
  runStatus: string | null;
  assistantId: string | null;
  callId: string | null;
  /** The message of the call that it is about. */
  messageId: string | null;
  /** For ordered events: those with one key are delivered one after the other, each at most once. */
  order: { key: string; position: number } | null;
  createdBy: string;
  /** The exact bytes every attempt posts. */
  payload: Buffer;
  /** The trace of the report; its attempts continue it. */
  trace?: TraceContext;
};

/** Who reported what happened, and when by the platform's clock. `sample`: it is made up, to test a subscription. */
export type Occurrence = {
  actor: string;
  occurredAt: Date;
  sample?: true;
  trace?: TraceContext | undefined;
};

/** The secrets that a subscription's requests use besides the common signature. */
export type SubscriptionSecrets = {
  /** The contract's own secret: a bearer token, a signing key, a shared word. */
  credential: string | null;
  /** The headers that the subscriber asked for, as name and value in turn. */
  customHeaders: readonly string[];
  /** The current `whsec_…` secret as its owner reads it. */
  signingSecret: string;
  /** What the names of the service's own headers begin with, such as `x-interactly`. */
  headerPrefix: string;
};

/** A signature over the bare body: lower-case hex HMAC-SHA256 under the key as UTF-8. */
export type BodySignature = {
  header: string;
  key: string;
  /** The header with the time of the attempt, in Unix seconds. */
  timestampHeader?: string;
};

/** What one kind of subscriber is promised: its event types, its payload, its own headers. */
export type Contract = {
  name: string;
  /** A sample is sent once, whatever its outcome. Without this, a sample is retried like any other delivery. */
  samplesOnce?: true;
  /** `Retry-After` delays nothing: a delivery of this contract is sent once, at once, or never. */
  ignoresRetryAfter?: true;
  eventTypes: readonly string[];
  /** The largest body of each event type, in bytes. docs/receiving.md promises it, and a test builds the largest. */
  bodyBytesMax: { readonly [eventType: string]: number };
  /**
   * The event types that a fact may lead to, for subscriptions of the whole team. The subscriptions that want them are
   * read before the fact is decided. A fact that leads to any other type is not recorded.
   */
  mayTell: { readonly [type in Fact["type"]]?: readonly string[] };
  /** The event type of a happening in this contract; undefined when the contract has no event for it. */
  eventTypeOf(happening: Happening): string | undefined;
  /** The one subject whose subscription gets the event; null: every subscription of the team. */
  subjectOf(happening: Happening): string | null;
  /** Makes the event of a happening for which `eventTypeOf` gives a type. */
  render(happening: Happening, occurrence: Occurrence): RenderedEvent;
  /** The headers that are added to the common ones and are the same on every request, as name and value in turn. */
  headers(secrets: SubscriptionSecrets): readonly string[];
  /** The contract's own signature over the payload; undefined when it has none. */
  bodySignature?(secrets: SubscriptionSecrets): BodySignature | undefined;
};
