import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { printNotices } from "../../../release/notices.ts";
import { viewerFiles } from "../src/reference.ts";

test("the licences name what the prebuilt viewer of the API has inside, with the notices of its authors", () => {
  const text = printNotices("This site holds:", "/", viewerFiles);
  expect(text).toMatch(/^swagger-ui-dist \d\S+ \(Apache-2\.0\)$/m);
  expect(text).toContain("SmartBear Software Inc.");
  // Named by the bundle's map; these have no notice in their files.
  const inside =
    /published with these packages inside: (.*)\.$/m.exec(text)?.[1]?.split(", ") ?? [];
  expect(inside.length).toBeGreaterThan(50);
  expect(inside).toEqual(
    expect.arrayContaining(["react", "react-dom", "immutable", "js-yaml", "swagger-client"]),
  );
  // A release of the viewer without this file must not be shipped unseen.
  const [bundle = ""] = viewerFiles;
  expect(path.basename(bundle)).toBe("swagger-ui-bundle.js");
  const notices = readFileSync(`${bundle}.LICENSE.txt`, "utf8").trim();
  expect(notices).toMatch(/DOMPurify|classnames/);
  expect(text).toContain(notices);
});
