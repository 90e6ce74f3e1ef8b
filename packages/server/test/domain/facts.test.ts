import { expect, test } from "vitest";
import {
  callDirections,
  callErrorTypes,
  callStatuses,
  callTypes,
  messageRoles,
  reportableRunStatuses,
  runTriggers,
  stepStatuses,
} from "../../src/domain/facts.ts";

test.each<[string, readonly string[], string[]]>([
  ["a run's trigger", runTriggers, ["manual", "scheduled", "triggered"]],
  [
    "a run's status",
    reportableRunStatuses,
    ["running", "paused", "completed", "failed", "cancelled"],
  ],
  ["a step's status", stepStatuses, ["started", "completed", "failed"]],
  ["a call's type", callTypes, ["web", "phone"]],
  ["a call's direction", callDirections, ["inbound", "outbound"]],
  ["a call's status", callStatuses, ["queued", "ongoing", "forwarded", "finished"]],
  ["a message's role", messageRoles, ["user", "assistant"]],
  ["a call error's type", callErrorTypes, ["llm_error", "stt_error"]],
])("a platform may report of %s the words that it was promised", (_, words, promised) => {
  expect(words).toEqual(promised);
});
