import { expect, onTestFinished, test } from "vitest";
import { pagerDutyEvent, relay, sentenceOf } from "../../../../examples/operational-relay.ts";
import { eventSamples } from "../../src/api/event-samples.ts";
import { operationalEventTypes } from "../../src/domain/lifecycle/operational.ts";
import { openReceiver } from "../support/http-receiver.ts";

const eventOf = (type: string) =>
  ({
    id: "event_1",
    timestamp: new Date(0),
    contract: "operational",
    type,
    payload: eventSamples.get(`operational ${type}`),
  }) as Parameters<typeof sentenceOf>[0];

test("the relay has a sentence for every operational event", () => {
  const sentences = operationalEventTypes.map((type) => sentenceOf(eventOf(type)));
  expect(new Set(sentences).size).toBe(operationalEventTypes.length);
  expect(sentences.join(" ")).not.toMatch(/undefined|null|\[object/);
});

test("a failing endpoint opens an incident, and its recovery resolves the same one", () => {
  const failing = pagerDutyEvent(eventOf("endpoint.failing"), "key");
  const recovered = pagerDutyEvent(eventOf("endpoint.recovered"), "key");
  expect([failing?.event_action, recovered?.event_action]).toEqual(["trigger", "resolve"]);
  expect(recovered?.dedup_key).toBe(failing?.dedup_key);
  expect(pagerDutyEvent(eventOf("replay.completed"), "key")).toBeNull();
});

test("what Slack refuses fails, so that it is sent again", async () => {
  const slack = await openReceiver();
  onTestFinished(() => slack.close());
  await relay(eventOf("endpoint.failing"), { SLACK_URL: `${slack.origin}/` });
  expect(JSON.parse(slack.requests[0]?.body.toString() ?? "")).toEqual({
    text: expect.stringMatching(/^Billing system fails since 2026-/),
  });
  slack.answerWith(500);
  const refused = relay(eventOf("endpoint.failing"), { SLACK_URL: `${slack.origin}/` });
  await expect(refused).rejects.toThrow("answered 500");
});
