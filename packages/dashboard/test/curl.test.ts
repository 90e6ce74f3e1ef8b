import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { curlOf, shellWord } from "../src/words/curl.ts";

const attempt = {
  url: "https://example.com/hook?a=1&b='2'",
  request_headers: {
    host: "example.com",
    "content-length": "9",
    "content-type": "application/json",
    authorization: "Bearer ***",
    "x-team": "***",
    "webhook-id": "event_1",
  },
};

test.each(["plain", "it's", "$(touch /tmp/no)", "`x`", 'a"b\\c', "new\nline", "-e", "", "🦊 عربي"])(
  "a shell takes %j as it is",
  (text) => {
    expect(execFileSync("sh", ["-c", `printf %s ${shellWord(text)}`], { encoding: "utf8" })).toBe(
      text,
    );
  },
);

test("a request becomes one command of a shell, whatever stands in it, and secrets are left to fill in", () => {
  const body = `{"name":"it's $HOME"}`;
  const words = execFileSync(
    "sh",
    ["-c", `curl() { printf '%s\\0' "$@"; }\n${curlOf(attempt, body)}`],
    {
      encoding: "utf8",
    },
  )
    .split("\0")
    .slice(0, -1);
  expect(words).toEqual([
    "-sS",
    "-i",
    attempt.url,
    "-H",
    "content-type: application/json",
    "-H",
    "authorization: Bearer <secret>",
    "-H",
    "x-team: <your x-team>",
    "-H",
    "webhook-id: event_1",
    "--data-binary",
    body,
  ]);
});

test("without headers and payload the command has what is known", () => {
  expect(curlOf({ url: "https://a.example", request_headers: null }, null)).toContain(
    "the payload is not shown to you",
  );
});
