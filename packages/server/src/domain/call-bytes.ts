import type { CallEnd, NewCall } from "./facts.ts";
import type { JsonText } from "./json-text.ts";

/**
 * The size of a call: the most bytes that its content can take in its end-of-call-report.
 *
 * No message about a call is larger than its report, so the report bounds all five message types. Each fact adds its
 * bytes to a number that is kept with the call; nothing is rendered to find the size (ADR 20).
 */

/** The largest body that is posted about a call. */
export const callBodyBytesMax = 1024 * 1024;

/** The part for the call's own content: messages with their metrics, metadata, recording, analysis, cost, metrics. */
export const callBytesMax = 720 * 1024;

/**
 * The part for the assistant's own members. The report carries the assistant as it is then: it may have grown since the
 * call began.
 */
export const assistantDocumentBytesMax = 256 * 1024;

// The remaining 48 KiB are for values that have limits of their own or come from the service: names, the line, an error,
// states, times, the numbers of the computed metrics, the envelope. So an end without details always fits.

/** The braces, names, role and time of a message, and its half of a computed turn. */
const messageFrameBytes = 128;

/** The bytes that a message adds. Its id may be in a computed turn as well. */
export const messageBytes = (message: {
  messageId: string;
  text: string;
  metrics: JsonText | null;
}): number =>
  messageFrameBytes +
  2 * textBytes(message.messageId) +
  textBytes(message.text) +
  jsonBytes(message.metrics);

/** The bytes that a call begins with. The report has the user's number twice. */
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
