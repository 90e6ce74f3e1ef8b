import { expect, onTestFinished, test } from "vitest";
import { armFaultPoints } from "../../src/fault-points.ts";
import { openFactsApi } from "../support/facts.ts";

const message = { role: "user", text: "words" };
const failure = { type: "llm_error", message: "too many" };

test.each<[what: string, path: string, body: (callId: string) => object]>([
  ["words without an id", "/messages", () => message],
  ["a failure", "/errors", () => failure],
  [
    "facts in bulk",
    "",
    (callId) => ({
      facts: [{ type: "call.error", data: { call_id: callId, ...failure } }],
    }),
  ],
])(
  "%s: told once under an Idempotency-Key, also when the answer was never kept",
  async (_what, path, bodyOf) => {
    const api = await openFactsApi();
    onTestFinished(() => api.close());
    const server = { enabled: true, url: "https://example.com/hook" };
    const assistant = await api.call("POST", "/assistants/v1/assistants", {
      body: {
        name: "Ada",
        assistantServer: { ...server, messages: ["conversation-update", "error"] },
      },
    });
    const conversations = "/calls/v1/conversations";
    const begin = { callType: "web", direction: "inbound", status: "ongoing" };
    const call = await api.call("POST", conversations, {
      body: { assistantId: assistant.body.id, ...begin },
    });
    const route = path === "" ? "/v1/facts" : `${conversations}/${call.body.id}${path}`;
    const headers = { "idempotency-key": "a key" };
    const report = () => api.call("POST", route, { body: bodyOf(call.body.id), headers });
    const told = async () => (await api.database.sql`select id from events`).length;

    armFaultPoints((point) => {
      if (point === "before_idempotent_answer") throw new Error("the process ends here");
    });
    onTestFinished(() => armFaultPoints(() => {}));
    expect((await report()).status).toBe(500);
    expect(await told()).toBe(1);
    armFaultPoints(() => {});

    expect((await report()).body.code).toBe("idempotency_key_in_flight");
    await api.database.sql`update idempotency_keys set in_flight_until = now()`;
    const repeat = await report();
    expect(repeat.status, repeat.text).toBeOneOf([200, 201]);
    expect(await told()).toBe(1);
    expect(await report()).toMatchObject({ status: repeat.status, body: repeat.body });
  },
);
