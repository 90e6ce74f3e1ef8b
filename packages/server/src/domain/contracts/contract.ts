import type { Fact } from "../facts.ts";
import type { Happening } from "../lifecycle/happening.ts";
import type { TraceContext } from "../trace-context.ts";

/** The bytes that one reported document can have: no request is larger. */
export const documentBytesMax = 1024 * 1024;

/** What a contract made of a happening: immutable from here on. */
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
  /** The message of the call that it tells of. */
  messageId: string | null;
  /** Where order counts: events of one key are delivered one after the other, each at most once. */
  order: { key: string; position: number } | null;
  createdBy: string;
  /** The exact bytes every attempt posts. */
  payload: Buffer;
  /** The trace of the report, which its attempts go on with. */
  trace?: TraceContext;
};

/** Who reported what happened, and when by the platform's clock; `sample`: it is made up, to try a subscription out. */
export type Occurrence = {
  actor: string;
  occurredAt: Date;
  sample?: true;
  trace?: TraceContext | undefined;
};

/** What a subscription shows its receiver besides the common signature. */
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
  /** Carries the time of the attempt beside it, in Unix seconds. */
  timestampHeader?: string;
};

/** What one kind of subscriber is promised: its event types, its payload, its own headers. */
export type Contract = {
  name: string;
  /** A sample is sent once, whatever comes of it; without it, it is retried like any other delivery. */
  samplesOnce?: true;
  /** `Retry-After` puts nothing off: its deliveries are sent once and now, or never. */
  ignoresRetryAfter?: true;
  eventTypes: readonly string[];
  /** The largest body of each event type, in bytes. docs/receiving.md promises it, and a test builds the largest. */
  bodyBytesMax: { readonly [eventType: string]: number };
  /**
   * The event types that a fact may lead to for subscriptions of the whole team: who wants them is asked before the
   * fact is decided. Should a fact lead to any other, it is not recorded.
   */
  mayTell: { readonly [type in Fact["type"]]?: readonly string[] };
  /** The event type a happening has in this contract; undefined when the contract does not tell it. */
  eventTypeOf(happening: Happening): string | undefined;
  /** The one subject whose subscription hears of it; null: every subscription of the team. */
  subjectOf(happening: Happening): string | null;
  /** Makes the event of a happening that `eventTypeOf` names. */
  render(happening: Happening, occurrence: Occurrence): RenderedEvent;
  /** The headers that come on top of the common ones and are the same on every request, as name and value in turn. */
  headers(secrets: SubscriptionSecrets): readonly string[];
  /** The contract's own signature over the payload; undefined when it has none. */
  bodySignature?(secrets: SubscriptionSecrets): BodySignature | undefined;
};
