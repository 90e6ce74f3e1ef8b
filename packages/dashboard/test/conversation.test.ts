import { expect, test } from "vitest";
import { conversationOf } from "../src/words/conversation.ts";
import { aDelivery } from "./support/a-delivery.ts";

const said = (messageId: string, second: number) => ({
  messageId,
  role: "user" as const,
  text: messageId,
  timestamp: Date.parse(`2026-11-30T10:00:0${second}.000Z`),
});
const told = (id: string, event_type: string, second: number, message_id: string | null = null) =>
  aDelivery({
    id,
    event_id: `event_${id}`,
    event_type,
    message_id,
    created_at: `2026-11-30T10:00:0${second}.500Z`,
  });

test("each message stands with what was told of it, and hangs and errors at their time in between", () => {
  const moments = conversationOf(
    [said("m1", 1), said("m2", 4)],
    [
      told("d3", "conversation-update", 4, "m2"),
      told("d2", "hang", 2, "m1"),
      told("d1", "conversation-update", 1, "m1"),
    ],
  );
  expect(
    moments.map(({ message, type, told }) => [
      message?.messageId ?? type,
      told.map(({ id }) => id),
    ]),
  ).toEqual([
    ["m1", ["d1"]],
    ["hang", ["d2"]],
    ["m2", ["d3"]],
  ]);
});

test("what was told of a message that is not shown is not lost", () => {
  expect(conversationOf([], [told("d1", "conversation-update", 1, "m9")])).toMatchObject([
    { type: "conversation-update", told: [{ id: "d1" }] },
  ]);
});
