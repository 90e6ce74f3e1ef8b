import { expect, test } from "vitest";
import { roundedTiming } from "../../src/domain/timing.ts";

test("a timing is kept in whole milliseconds, as many as its column holds, and what did not happen is null", () => {
  const timing = { dns: 0.4, connect: 1.5, tls: null, wait: 40_000, read: 32_767.2 };
  expect(roundedTiming(timing)).toEqual({
    dns: 0,
    connect: 2,
    tls: null,
    wait: 32_767,
    read: 32_767,
  });
});
