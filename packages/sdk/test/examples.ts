import { ApiError, FactsRefused, type Postrider, verify } from "../src/index.ts";

// The README shows what stands in these functions; a test compares and runs them.

export async function subscribe(postrider: Postrider) {
  const webhook = await postrider.workflowWebhooks.create({
    name: "Bookings",
    url: "https://example.com/hooks/postrider",
    actions: ["workflow_run_completed"],
  });
  const { secret } = await postrider.workflowWebhooks.getSecret(webhook.id);
  return secret;
}

export async function reportRun(postrider: Postrider, workflowId: string) {
  const run = await postrider.runs.start({ workflow_id: workflowId, trigger: "manual" });
  try {
    const slot = await run.step("Find a slot", () => findSlot());
    await run.step("Book it", () => book(slot));
    await run.complete({ slot });
  } catch (error) {
    await run.fail(error);
  }
}

export async function reportRunAgain(postrider: Postrider, workflowId: string, runId: string) {
  const run = await postrider.runs.start(
    { _id: runId, workflow_id: workflowId, trigger: "manual" },
    { onReportError: (error, fact) => console.warn("not recorded:", fact?.type, error) },
  );
  return await run.step("Find a slot", () => findSlot());
}

export async function reportCall(postrider: Postrider, assistantId: string) {
  const buffer = postrider.buffer({ maxFacts: 10_000, flushIntervalMs: 1_000 });
  const call = await postrider.calls.start(
    { assistantId, callType: "web", direction: "inbound" },
    { buffer },
  );
  await call.status("ongoing");
  await call.message("assistant", "Good morning!");
  await call.message("user", "I need an appointment.");
  await call.error({ type: "llm_error", code: "timeout", retryable: true });
  await call.end({ callEndTriggerBy: "user" });
  await buffer.flush();
}

export async function explain(postrider: Postrider, runId: string) {
  try {
    await postrider.runs.update(runId, { status: "completed" });
  } catch (error) {
    if (error instanceof ApiError && error.code === "transition_refused") return error.detail;
    if (error instanceof FactsRefused) return error.refusals[0]?.error.detail;
    throw error;
  }
}

export async function failedRuns(postrider: Postrider) {
  const ids: string[] = [];
  for await (const run of postrider.runs.each({ status: "failed" })) ids.push(run.id);
  return ids;
}

export async function getBackWhatWasMissed(postrider: Postrider, endpointId: string, from: string) {
  const filter = { endpoint_id: endpointId, from };
  const { matching } = await postrider.replays.dryRun({ filter });
  if (matching === 0) return undefined;
  const replay = await postrider.replays.start({ filter });
  return await replay.done({
    onProgress: ({ replayed, matching }) => console.log(`${replayed} of ${matching}`),
  });
}

export async function receive(request: Request, secret: string) {
  const body = await request.text();
  const event = await verify(body, request.headers, secret);
  switch (event.type) {
    case "workflow_run_completed":
      return event.payload.run.duration_ms;
    case "end-of-call-report":
      return event.payload.message.call.assistantCallDuration;
    default:
      return event.id;
  }
}

const findSlot = async () => "10:30";
const book = async (_slot: string) => true;
