import { expect, expectTypeOf, test } from "vitest";
import openapi from "../../server/openapi.json" with { type: "json" };
import { eventsOf } from "../scripts/events-of.ts";
import { verify, type WebhookEvent, type WebhookEventOf } from "../src/index.ts";
import { secretText, signedRequest } from "./signed.ts";

const receive = async (payload: unknown): Promise<WebhookEvent> => {
  const body = typeof payload === "string" ? payload : JSON.stringify(payload);
  return await verify(body, signedRequest(body).headers, secretText);
};

test("the type of an event narrows its payload, in every contract", async () => {
  const told = (event: WebhookEvent): unknown => {
    switch (event.type) {
      case "workflow_run_completed":
        expectTypeOf(event.contract).toEqualTypeOf<"workflow">();
        expectTypeOf(event.payload).toHaveProperty("run");
        return event.payload.workflow_run_status;
      case "workflow.step.failed":
        expectTypeOf(event.contract).toEqualTypeOf<"organisation">();
        return event.payload.data.step.attempt;
      case "end-of-call-report":
        expectTypeOf(event.contract).toEqualTypeOf<"assistant">();
        return event.payload.message.messages.length;
      case "unknown":
        expectTypeOf(event.payload).toBeUnknown();
        return event.payload;
      default:
        // @ts-expect-error: a run's payload belongs to the events of runs alone.
        event.payload.workflow_run_status;
        return event.contract;
    }
  };
  expectTypeOf<WebhookEventOf<"hang">["payload"]["message"]["type"]>().toEqualTypeOf<"hang">();
  expect(
    told(await receive({ action: "workflow_run_completed", workflow_run_status: "failed" })),
  ).toBe("failed");
  const step = { event_type: "workflow.step.failed", data: { step: { attempt: 2 } } };
  expect(told(await receive(step))).toBe(2);
  expect(told(await receive({ message: { type: "end-of-call-report", messages: [{}, {}] } }))).toBe(
    2,
  );
  expect(told(await receive({ action: "workflow_deleted" }))).toBe("workflow");
});

test("every event type of the description is known by its contract", async () => {
  const types = Object.keys(openapi.webhooks);
  expect(types).toHaveLength(22);
  for (const type of types) {
    const events = await Promise.all(
      [{ action: type }, { event_type: type }, { message: { type } }, { type }].map(receive),
    );
    // Where another contract would name it, the same word means nothing.
    expect(events.map((event) => event.type).sort()).toEqual(
      [type, "unknown", "unknown", "unknown"].sort(),
    );
  }
});

test.each([
  { action: "workflow_paused" },
  { action: "hang" },
  { action: "toString" },
  { message: { type: ["hang"] } },
  { message: null },
  [],
  null,
  "no JSON",
])("what the SDK does not know is unknown, and verified all the same: %j", async (payload) => {
  expect(await receive(payload)).toEqual({
    id: "event_1",
    timestamp: expect.any(Date),
    contract: "unknown",
    type: "unknown",
    payload: payload === "no JSON" ? undefined : payload,
  });
});

test("a payload that names its type nowhere is refused, not guessed", () => {
  const schema = { $ref: "#/components/schemas/Odd" };
  const document = {
    webhooks: { odd: { post: { requestBody: { content: { "application/json": { schema } } } } } },
    components: { schemas: { Odd: { type: "object", properties: { kind: { const: "odd" } } } } },
  };
  expect(() => eventsOf(document)).toThrow("odd names its type nowhere");
});
