import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { describeError, errorCodes } from "../../src/errors.ts";

test("docs/errors.md names every error code with its status and title, and no other", () => {
  const text = readFileSync(new URL("../../../../docs/errors.md", import.meta.url), "utf8");
  const documented = [...text.matchAll(/^## `(\w+)`\n\n(\d{3}) · (.+)\n\n(\S.*)$/gm)].map(
    ([, code, status, title]) => ({ code, status: Number(status), title }),
  );
  expect(text.match(/^## /gm)).toHaveLength(documented.length);
  const catalogue = errorCodes().map((code) => ({ code, ...describeError(code) }));
  expect(new Set(documented)).toEqual(new Set(catalogue));
});
