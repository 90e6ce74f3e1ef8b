import { createHash } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";
import type { BuiltFiles } from "../../src/built-files.ts";
import { openTestApi } from "../support/api.ts";

const inline = "document.title;";
const hash = (text: string) => `sha256-${createHash("sha256").update(text).digest("base64")}`;

/** What a build of the documentation leaves behind, in small. */
const builtSite: BuiltFiles = new Map(
  Object.entries({
    "index.html": `<!doctype html><title>Postrider</title><script>${inline}</script>`,
    "errors.html": "<!doctype html><title>Errors</title>",
    "errors.md": "# Errors\n",
    "how-to/go.html": "<!doctype html><title>Go</title>",
    "404.html": "<!doctype html><title>404</title>",
    "api/index.html": "<!doctype html><title>API reference</title>",
    "assets/errors.md.iF40hv16.js": "export default 1;",
    "assets/chunks/theme.Cf_iO-hd.js": "export default 2;",
    "llms.txt": "# Postrider\n",
    "icon.svg": "<svg/>",
    "csp.json": JSON.stringify({ scripts: [hash(inline)], styles: [hash("* { color: red }")] }),
  }).map(([name, text]) => [name, Buffer.from(text)]),
);

async function open(site: () => BuiltFiles | undefined = () => builtSite) {
  const api = await openTestApi({ deps: { builtSite: site } });
  onTestFinished(() => api.close());
  const get = (url: string, headers: Record<string, string> = {}) =>
    api.app.inject({ method: "GET", url, headers });
  return { ...api, get };
}

test("the documentation is served under /docs: pages by either name, their markdown, and its index at /llms.txt", async () => {
  const { get } = await open();
  for (const [url, type, text] of [
    ["/docs/", "text/html", "<title>Postrider</title>"],
    ["/docs/index.html?a=b", "text/html", "<title>Postrider</title>"],
    ["/docs/errors.html", "text/html", "<title>Errors</title>"],
    ["/docs/errors", "text/html", "<title>Errors</title>"],
    ["/docs/how-to/go", "text/html", "<title>Go</title>"],
    ["/docs/errors.md", "text/markdown", "# Errors"],
    ["/docs/api/", "text/html", "<title>API reference</title>"],
    ["/docs/llms.txt", "text/plain", "# Postrider"],
    ["/llms.txt", "text/plain", "# Postrider"],
  ] as const) {
    const answer = await get(url);
    expect([url, answer.statusCode]).toEqual([url, 200]);
    expect(answer.headers["content-type"], url).toBe(`${type}; charset=utf-8`);
    expect(answer.body, url).toContain(text);
    expect(answer.headers["cache-control"], url).toBe("no-cache");
    const known = await get(url, { "if-none-match": String(answer.headers.etag) });
    expect([url, known.statusCode, known.body]).toEqual([url, 304, ""]);
  }
  for (const [url, target] of [
    ["/docs", "/docs/"],
    ["/docs/api", "/docs/api/"],
  ] as const) {
    const answer = await get(url, { host: "evil.test" });
    expect([answer.statusCode, answer.headers.location]).toEqual([308, target]);
  }
});

test("a file of the documentation with a hash in its name is kept for good", async () => {
  const { get } = await open();
  for (const name of ["assets/errors.md.iF40hv16.js", "assets/chunks/theme.Cf_iO-hd.js"]) {
    const answer = await get(`/docs/${name}`);
    expect(answer.headers["cache-control"], name).toBe("public, max-age=31536000, immutable");
    expect(answer.headers["content-type"], name).toBe("text/javascript; charset=utf-8");
  }
});

test("a page that the documentation does not have is its 404 page, and any other name, or spelling of one, a 404 of the API", async () => {
  const { get } = await open();
  for (const name of ["nothing", "how-to/", "how-to/nothing.html", "errors/x"]) {
    const answer = await get(`/docs/${name}`);
    expect([name, answer.statusCode]).toEqual([name, 404]);
    expect(answer.body, name).toContain("<title>404</title>");
    expect(answer.headers["cache-control"], name).toBe("no-store");
  }
  const others = ["%65rrors.md", "errors.md/", "..%2ferrors.md", "/errors.md", "./errors.md%00"];
  for (const name of ["assets/nothing.js", "csp.json", "x.php", ...others]) {
    const answer = await get(`/docs/${name}`);
    expect([name, answer.statusCode]).toEqual([name, 404]);
    expect(answer.json().code, name).toBe("not_found");
  }
});

test("a page of the documentation runs scripts of this service and those that its build has hashed, and no others", async () => {
  const { get } = await open();
  const policyOf = async (url: string) =>
    new Map(
      String((await get(url)).headers["content-security-policy"])
        .split("; ")
        .map((one) => [one.split(" ")[0] ?? "", one.split(" ").slice(1).join(" ")]),
    );
  const pages = await policyOf("/docs/");
  expect(pages.get("script-src")).toBe(`'self' '${hash(inline)}'`);
  expect(pages.get("style-src")).toBe(`'self' '${hash("* { color: red }")}'`);
  const reference = await policyOf("/docs/api/");
  expect(reference.get("script-src")).toBe("'self'");
  expect(reference.get("style-src")).toBe("'self'");
  for (const policy of [pages, reference]) {
    expect(policy.get("default-src")).toBe("'none'");
    expect(policy.get("connect-src")).toBe("'self'");
    expect(policy.get("frame-ancestors")).toBe("'none'");
    const unsafe = [...policy].filter(([, sources]) => sources.includes("unsafe"));
    expect(unsafe.map(([name]) => name)).toEqual(["style-src-attr"]);
  }
});

test("a service without a built documentation says how to build it, and describes its API all the same", async () => {
  let built: BuiltFiles | undefined;
  const { get } = await open(() => built);
  for (const url of ["/docs/", "/docs/api/"]) {
    const { statusCode, headers } = await get(url);
    expect([url, statusCode, headers.location]).toEqual([url, 302, "/docs/api/plain"]);
  }
  for (const url of ["/docs/errors.html", "/llms.txt"]) {
    const answer = await get(url);
    expect([url, answer.statusCode]).toEqual([url, 404]);
    expect(answer.body).toContain("npm run build -w packages/site");
  }
  expect((await get("/docs/api/plain")).body).toContain('id="createTeam"');
  built = builtSite;
  expect((await get("/docs/")).statusCode).toBe(200);
});
