import type { CallEnd, NewCall } from "./facts.ts";
import type { JsonText } from "./json-text.ts";

/**
 * The size of a call, counted as the bytes that its content has in its end-of-call-report, at the most.
 *
 * Everything that is posted about a call fits into the report's size, so the report bounds all five message types. A
 * fact adds what it brings to a number that is kept with the call; nothing is rendered to find out (ADR 20).
 */

/** The largest body that is posted about a call. */
export const callBodyBytesMax = 1024 * 1024;

/** What a call's own content may have of it: messages with their metrics, metadata, recording, analysis, cost, metrics. */
export const callBytesMax = 720 * 1024;

/** What an assistant's own members may have of it: it is posted as it is at the time, and may have grown since. */
export const assistantDocumentBytesMax = 256 * 1024;

// What is left, 48 KiB, is room for what has a limit of its own or is the service's: names, the line, an error, states,
// times, the numbers of the computed metrics, the envelope. So an end without details always fits.

/** A message's braces, names, role and time, and its half of a computed turn. */
const messageFrameBytes = 128;

/** The bytes that a message adds: its id may stand in a computed turn as well. */
export const messageBytes = (message: {
  messageId: string;
  text: string;
  metrics: JsonText | null;
}): number =>
  messageFrameBytes +
  2 * textBytes(message.messageId) +
  textBytes(message.text) +
  jsonBytes(message.metrics);

/** The bytes that a call begins with: the user's number is told twice. */
export const creationBytes = (
  call: Pick<NewCall, "userNumber" | "assistantNumber" | "phoneProvider" | "metadata">,
): number =>
  2 * textBytes(call.userNumber ?? "") +
  textBytes(call.assistantNumber ?? "") +
  textBytes(call.phoneProvider ?? "") +
  jsonBytes(call.metadata ?? null);

/** The bytes that the details of an end add. */
export const detailBytes = ({ recording, analysis, cost, metrics }: CallEnd): number =>
  [recording, analysis, cost, metrics].reduce<number>(
    (sum, text) => sum + jsonBytes(text ?? null),
    0,
  );

const textBytes = (text: string): number => Buffer.byteLength(JSON.stringify(text));

const jsonBytes = (text: JsonText | null): number => (text === null ? 0 : Buffer.byteLength(text));
