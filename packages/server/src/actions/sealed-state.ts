import type { Call, Message } from "../domain/lifecycle/call.ts";
import type { Run } from "../domain/lifecycle/run.ts";
import type { Step } from "../domain/lifecycle/step.ts";
import { openText, sealText } from "../sealed-values.ts";
import type { Keyring, SealContext } from "../secrets.ts";

/** A message with its place in its call. */
export type PlacedMessage = Message & { teamId: string; callId: string };

type Convert = <Text extends string>(keyring: Keyring, text: Text, place: SealContext) => Text;

/** Opens a run's documents from the database, sealed or not. */
export const openRun = (keyring: Keyring, run: Run): Run => convertRun(openText, keyring, run);

/** Seals a run's documents for the database. */
export const sealRun = (keyring: Keyring, run: Run): Run => convertRun(sealText, keyring, run);

/** Opens a step's documents. */
export const openStep = (keyring: Keyring, step: Step): Step =>
  convertStep(openText, keyring, step);

/** Seals a step's documents. */
export const sealStep = (keyring: Keyring, step: Step): Step =>
  convertStep(sealText, keyring, step);

/** Opens a call's documents and numbers. */
export const openCall = (keyring: Keyring, call: Call): Call =>
  convertCall(openText, keyring, call);

/** Seals a call's documents and numbers. */
export const sealCall = (keyring: Keyring, call: Call): Call =>
  convertCall(sealText, keyring, call);

/** Opens a message's text and metrics. */
export const openMessage = <Placed extends PlacedMessage>(keyring: Keyring, one: Placed): Placed =>
  convertMessage(openText, keyring, one);

/** Seals a message's text and metrics. */
export const sealMessage = <Placed extends PlacedMessage>(keyring: Keyring, one: Placed): Placed =>
  convertMessage(sealText, keyring, one);

/** Converts every value that is not null. */
const converter =
  (convert: Convert, keyring: Keyring, place: Omit<SealContext, "column">) =>
  <Text extends string>(column: string, text: Text | null): Text | null =>
    text === null ? null : convert(keyring, text, { ...place, column });

function convertRun(convert: Convert, keyring: Keyring, run: Run): Run {
  const one = converter(convert, keyring, { table: "runs", teamId: run.teamId, rowId: run.id });
  return {
    ...run,
    input: one("input", run.input),
    output: one("output", run.output),
    collectedInformation: one("collected_information", run.collectedInformation),
    error: one("error", run.error),
    earlier: one("earlier", run.earlier),
  };
}

function convertStep(convert: Convert, keyring: Keyring, step: Step): Step {
  const rowId = `${step.runId}/${step.id}`;
  const one = converter(convert, keyring, { table: "steps", teamId: step.teamId, rowId });
  return {
    ...step,
    output: one("output", step.output),
    error: one("error", step.error),
    earlier: one("earlier", step.earlier),
  };
}

function convertCall(convert: Convert, keyring: Keyring, call: Call): Call {
  const one = converter(convert, keyring, { table: "calls", teamId: call.teamId, rowId: call.id });
  return {
    ...call,
    userNumber: one("user_number", call.userNumber),
    assistantNumber: one("assistant_number", call.assistantNumber),
    metadata: one("metadata", call.metadata),
    recording: one("recording", call.recording),
    analysis: one("analysis", call.analysis),
    cost: one("cost", call.cost),
    metrics: one("metrics", call.metrics),
    reported: one("reported", call.reported),
  };
}

function convertMessage<Placed extends PlacedMessage>(
  convert: Convert,
  keyring: Keyring,
  message: Placed,
): Placed {
  const rowId = `${message.callId}/${message.messageId}`;
  const place = { table: "call_messages", teamId: message.teamId, rowId };
  const one = converter(convert, keyring, place);
  return {
    ...message,
    text: convert(keyring, message.text, { ...place, column: "text" }),
    metrics: one("metrics", message.metrics),
  };
}
