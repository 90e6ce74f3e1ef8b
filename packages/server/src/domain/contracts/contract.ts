import type { Happening } from "../lifecycle/happening.ts";

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
  createdBy: string;
  /** The exact bytes every attempt posts. */
  payload: Buffer;
};

/** Who reported what happened, and when by the platform's clock. */
export type Occurrence = { actor: string; occurredAt: Date };

/** What one kind of subscriber is promised: its event types, its payload, its own headers. */
export type Contract = {
  name: string;
  eventTypes: readonly string[];
  /** The event type a happening has in this contract; undefined when the contract does not tell it. */
  eventTypeOf(happening: Happening): string | undefined;
  /** Makes the event of a happening that `eventTypeOf` names. */
  render(happening: Happening, occurrence: Occurrence): RenderedEvent;
  /** The headers that come on top of the common ones, as name and value in turn. */
  headers(subscription: { credential: string | null }): readonly string[];
};
