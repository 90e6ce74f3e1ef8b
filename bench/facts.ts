import { defaultTeamId } from "../packages/server/src/db/teams.ts";
import type { Fact } from "../packages/server/src/domain/facts.ts";
import { jsonText } from "../packages/server/src/domain/json-text.ts";
import { newId } from "../packages/server/src/ids.ts";

/** Bytes of `input` that bring the webhook of a started run to about 1 KiB. */
const inputBytes = 400;

/** What a run is started with: different in every run, as real ones are. */
export const runInput = (runId: string): object => ({
  patient: runId,
  note: "x".repeat(inputBytes),
});

/** Makes facts "a run was started" of one workflow of the default team; each becomes a webhook of about 1 KiB. */
export function runsStarted(workflowId: string, count: number): Fact[] {
  return Array.from({ length: count }, () => {
    const runId = newId();
    return {
      type: "run.started",
      teamId: defaultTeamId,
      actor: "system",
      runId,
      workflowId,
      data: { trigger: "manual", input: jsonText(runInput(runId)), timeoutSeconds: null },
    };
  });
}

/** Webhook bodies as a hand-written queue would enqueue them: about 1 KiB of JSON each. */
export function webhookBodies(count: number): { id: string; body: string }[] {
  return Array.from({ length: count }, () => {
    const id = newId();
    return { id, body: JSON.stringify({ event_id: id, note: "x".repeat(bodyBytes - 50) }) };
  });
}

const bodyBytes = 1_024;
