import { expect, test } from "vitest";
import { FactsRefused, Postrider } from "../src/index.ts";
import { json, type Seen, scripted } from "./answers.ts";

type Told = { type: string; data: Record<string, unknown> };

const factsIn = (seen: readonly Seen[]): Told[] => seen.flatMap(({ body }) => body.facts);

const record = ({ body }: Seen) =>
  json({
    results: body.facts.map((_: unknown, index: number) => ({ index, status: "recorded" })),
  });

const workflow_id = "6b016ba04f1c2b7d9e0a1b2c";

test("a run reports its start, each step around its function, and its end", async () => {
  const { options, seen } = scripted(record);
  const run = await new Postrider(options).runs.start({ workflow_id, trigger: "manual" });
  expect(run.id).toMatch(/^[0-9a-f]{24}$/);
  expect(await run.step("Find a slot", () => 42)).toBe(42);
  await run.step("Book", async () => ({ secret: 1 }), { output: () => "booked" });
  await run.complete({ ok: true });

  const steps = { run_id: run.id };
  expect(factsIn(seen)).toMatchObject([
    { type: "run.started", data: { _id: run.id, workflow_id, trigger: "manual" } },
    { type: "step.started", data: { ...steps, step_id: "0-find-a-slot", index: 0 } },
    { type: "step.completed", data: { ...steps, step_id: "0-find-a-slot", output: 42 } },
    { type: "step.started", data: { ...steps, step_id: "1-book", name: "Book", index: 1 } },
    { type: "step.completed", data: { ...steps, step_id: "1-book", output: "booked" } },
    { type: "run.updated", data: { run_id: run.id, status: "completed", output: { ok: true } } },
  ]);
});

test("a step that throws is reported as failed, without its stack, and throws the same", async () => {
  const { options, seen } = scripted(record);
  const run = await new Postrider(options).runs.start({ workflow_id, trigger: "manual" });
  const error = new RangeError("no slot");
  await expect(run.step("Find", () => Promise.reject(error))).rejects.toBe(error);
  await run.fail(error);
  const told = { name: "RangeError", message: "no slot" };
  expect(factsIn(seen).slice(2)).toMatchObject([
    { type: "step.failed", data: { error: told } },
    { type: "run.updated", data: { status: "failed", error: told } },
  ]);
});

test("the step's own error is thrown even when it cannot be reported", async () => {
  const { options } = scripted((one) =>
    one.body.facts[0].type === "step.failed" ? json({}, 422) : record(one),
  );
  const run = await new Postrider(options).runs.start({ workflow_id, trigger: "manual" });
  const work = () => {
    throw new Error("mine");
  };
  await expect(run.step("Find", work)).rejects.toThrow("mine");
});

test("a call reports its status, messages, errors and end under its own id", async () => {
  const { options, seen } = scripted(record);
  const buffer = new Postrider(options).buffer();
  const call = await new Postrider(options).calls.start(
    { assistantId: workflow_id, callType: "phone", direction: "inbound" },
    { buffer },
  );
  expect(call.id).toMatch(/^CC-[0-9a-f-]{36}$/);
  await call.status("ongoing");
  await call.message("assistant", "Hello!", { messageId: "m1" });
  await call.error({ type: "llm_error", code: "timeout" });
  await call.end({ assistantCallDuration: 1000 });
  await call.flush();

  expect(factsIn(seen)).toMatchObject([
    { type: "call.created", data: { id: call.id } },
    { type: "call.status", data: { call_id: call.id, status: "ongoing" } },
    {
      type: "call.message",
      data: { messageId: "m1", role: "assistant", text: "Hello!", timestamp: options.now?.() },
    },
    { type: "call.error", data: { type: "llm_error", code: "timeout" } },
    { type: "call.ended", data: { call_id: call.id, assistantCallDuration: 1000 } },
  ]);
});

test("without a buffer a refusal is thrown by the report itself", async () => {
  const { options } = scripted(() =>
    json({
      results: [{ index: 0, status: "refused", error: { code: "not_found", detail: "No." } }],
    }),
  );
  const started = new Postrider(options).runs.start({ workflow_id, trigger: "manual" });
  await expect(started).rejects.toBeInstanceOf(FactsRefused);
});
