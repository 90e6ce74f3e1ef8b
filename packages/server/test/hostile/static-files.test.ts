import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { openTestApi } from "../support/api.ts";
import { builtPages } from "../support/built-pages.ts";

async function open() {
  const api = await openTestApi({ deps: { builtDashboard: () => builtPages } });
  onTestFinished(() => api.close());
  return api;
}

const known = new Set([...builtPages].map(([, bytes]) => bytes.toString()));

test("no spelling of a path below the pages leads to anything but a built file, the page itself or a 404", async () => {
  const { app } = await open();
  const up = fc.constantFrom(
    ...["..", "%2e%2e", ".%2e", "%252e%252e", "..;", "....", "..%00", "..%c0%af", "%u002e%u002e"],
    ...["..\\", "..%5c", "..%255c", ".", "", "~", "%ef%bc%8e%ef%bc%8e", "assets", "%61ssets"],
  );
  const slash = fc.constantFrom("/", "//", "%2f", "%252f", "\\", "%5c", "/./");
  const file = fc.constantFrom(
    ...["etc/passwd", "package.json", ".env", ".git/HEAD", "openapi.json", "src/config.ts"],
    ...["index.html", "theme.js", "index-B0Y12Uys.js", "assets/index-B0Y12Uys.js", "%"],
    ...["proc/self/environ", ".postrider/keys.json", "C:/windows/win.ini", "schema.sql"],
  );
  const start = fc.constantFrom("/dashboard/", "/portal/", "/dashboard/assets/", "/dashboard//");
  const target = fc
    .tuple(start, fc.array(fc.tuple(up, slash), { maxLength: 6 }), file)
    .map(([from, steps, to]) => `${from}${steps.map((step) => step.join("")).join("")}${to}`);
  const seen = new Set<number>();
  await fc.assert(
    fc.asyncProperty(target, async (url) => {
      const answer = await app.inject({ method: "GET", url });
      seen.add(answer.statusCode);
      expect([200, 404, 405], url).toContain(answer.statusCode);
      if (answer.statusCode !== 200) {
        expect(answer.headers["content-type"], url).toContain("application/problem+json");
        return;
      }
      const isPage = answer.body.includes("<title>The page</title>");
      // Only its own name, letter by letter, is a file's name; what a path leads out to is the API's own.
      const own = known.has(answer.body) || isPage || answer.body.includes('"openapi"');
      expect(own, `${url}: ${answer.body.slice(0, 200)}`).toBe(true);
    }),
    { numRuns: 500, seed: 20_261_130 },
  );
  expect([...seen].sort()).toEqual(expect.arrayContaining([200, 404]));
});

test("nothing in a request makes a page send its reader elsewhere, or say anything that it was told", async () => {
  const { app } = await open();
  const targets = [
    ...["/dashboard", "/portal", "//evil.test/dashboard", "/dashboard//evil.test"],
    ...["/dashboard/%2f%2fevil.test", "/dashboard?next=//evil.test", "/dashboard/\\evil.test"],
    ...["/dashboard/?redirect=https://evil.test", "/dashboard/<script>evil.test</script>"],
    ...["/dashboard%2f..%2f/evil.test", "/dashboard/..//evil.test", "/portal;//evil.test"],
  ];
  const headers = {
    host: "evil.test",
    "x-forwarded-host": "evil.test",
    "x-forwarded-proto": "https",
    "x-original-url": "//evil.test",
    referer: "https://evil.test/",
  };
  for (const url of targets) {
    const answer = await app.inject({ method: "GET", url, headers });
    const { location } = answer.headers;
    expect([undefined, "/dashboard/", "/portal/"], url).toContain(location);
    expect(JSON.stringify(answer.headers) + answer.body, url).not.toContain("evil.test");
  }
});
