import { expect, test } from "vitest";
import { differences } from "../src/words/differences.ts";

const attempt = (told: Partial<Parameters<typeof differences>[0][number]> = {}) => ({
  url: "https://a.example/hook",
  address: "203.0.113.7",
  status_code: 503,
  error_code: "http_status",
  request_headers: { "webhook-id": "event_1", "webhook-signature": "v1,a", "x-team": "***" },
  ...told,
});

test("one attempt differs from nothing", () => {
  expect(differences([attempt()])).toEqual([]);
});

test("attempts that ended alike say so once, and fresh signatures are no difference", () => {
  const fresh = { ...attempt().request_headers, "webhook-signature": "v1,b" };
  expect(differences([attempt(), attempt({ request_headers: fresh })])).toEqual([
    "Every attempt ended in the same way: 503.",
  ]);
});

test("another answer, address, URL and header are named", () => {
  const other = attempt({
    url: "https://b.example",
    address: "203.0.113.9",
    status_code: null,
    error_code: "timeout",
    request_headers: { ...attempt().request_headers, "x-team": "ops" },
  });
  expect(differences([attempt(), other])).toEqual([
    "The answer changed: 503, then time-out.",
    "The address changed: 203.0.113.7, then 203.0.113.9.",
    "The URL was changed in between.",
    "Headers that were set changed: x-team.",
  ]);
});
