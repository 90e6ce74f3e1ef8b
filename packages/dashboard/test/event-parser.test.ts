import { expect, test } from "vitest";
import { openEventParser, type ServerEvent } from "../src/live/event-parser.ts";

function parse(pieces: readonly string[]): ServerEvent[] {
  const events: ServerEvent[] = [];
  const feed = openEventParser((event) => events.push(event));
  for (const piece of pieces) feed(piece);
  return events;
}

const text = ': beat\n\nevent: delivery\nid: p1\ndata: {"a":\ndata: 1}\n\nevent: gap\ndata: {}\n\n';
const events = [
  { event: "delivery", data: '{"a":\n1}', id: "p1" },
  { event: "gap", data: "{}", id: "p1" },
];

test("events are read, comments are passed over, the place stays until the next one", () => {
  expect(parse([text])).toEqual(events);
});

test("it does not matter where the text is cut, nor how lines end", () => {
  for (const ends of [text, text.replaceAll("\n", "\r\n")]) {
    for (let at = 1; at < ends.length; at += 1) {
      expect(parse([ends.slice(0, at), ends.slice(at)]), `cut at ${at}`).toEqual(events);
    }
  }
});

test("an event without its end is none yet", () => {
  expect(parse(["data: 1\n"])).toEqual([]);
});
