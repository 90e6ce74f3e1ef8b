import { expect, test } from "vitest";
import { urlOf } from "../src/api/request.ts";
import { loginTokenOf } from "../src/entry.ts";
import { newObjectId, sampleFacts } from "../src/pages/start/sample-facts.ts";
import { placeOf } from "../src/place.ts";

test.each([
  ["/dashboard/", "dashboard", "/dashboard", ""],
  ["/dashboard", "dashboard", "/dashboard", ""],
  ["/dashboard/deliveries", "dashboard", "/dashboard", ""],
  ["/portal/endpoints", "portal", "/portal", ""],
  ["/hooks/dashboard/deliveries", "dashboard", "/hooks/dashboard", "/hooks"],
  ["/dashboards", "dashboard", "/dashboard", ""],
])("at %s the pages are the %s below %s", (pathname, kind, base, api) => {
  expect(placeOf(pathname)).toEqual({ kind, base, api });
});

test("a link's token is found in the fragment, which no server and no log sees", () => {
  expect(loginTokenOf("#login=abc")).toBe("abc");
  expect(loginTokenOf("#content")).toBeUndefined();
  expect(loginTokenOf("")).toBeUndefined();
});

test("lists are repeated parameters, and what is not said is left out", () => {
  expect(
    urlOf("/v1/deliveries", { status: ["failed", "retrying"], to: undefined, limit: 2, q: "" }),
  ).toBe("/v1/deliveries?status=failed&status=retrying&limit=2");
});

test("sample traffic has ids as the service makes them, and its last run fails", () => {
  expect(newObjectId(1_796_030_436_000, new Uint8Array(8).fill(255))).toBe(
    "6b0d3fe4ffffffffffffffff",
  );
  const facts = sampleFacts(() => "6b0d3fe4ffffffffffffffff", 2);
  expect(facts).toHaveLength(1 + 2 * 4);
  expect(facts.at(-1)).toMatchObject({ type: "run.updated", data: { status: "failed" } });
});
