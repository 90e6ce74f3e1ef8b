import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, onTestFinished, test } from "vitest";
import { type BuiltFiles, readBuilt } from "../../src/built-files.ts";
import { readConfig } from "../../src/config.ts";
import { openTestApi } from "../support/api.ts";
import { builtPages } from "../support/built-pages.ts";

async function open(builtDashboard = (): BuiltFiles | undefined => builtPages, origins = "") {
  const config = readConfig("development", { POSTRIDER_PORTAL_ORIGINS: origins });
  const api = await openTestApi({ deps: { builtDashboard, config } });
  onTestFinished(() => api.close());
  const get = (url: string, headers: Record<string, string> = {}, method: "GET" | "HEAD" = "GET") =>
    api.app.inject({ method, url, headers });
  return { ...api, get };
}

test.each(["/dashboard", "/portal"])(
  "%s serves the application at each of its places, which is asked for anew each time",
  async (mount) => {
    const { get } = await open();
    const bare = await get(`${mount}?a=b`, { host: "evil.test" });
    expect([bare.statusCode, bare.headers.location]).toEqual([308, `${mount}/`]);
    const places = ["", "deliveries", "endpoints/6b0c3f2a9d4e5f6071829304?tab=chart"];
    for (const place of [...places, "event-types/workflow.started", "runs/a%20b", "index.html"]) {
      const answer = await get(`${mount}/${place}`);
      expect([place, answer.statusCode]).toEqual([place, 200]);
      expect(answer.headers["content-type"]).toBe("text/html; charset=utf-8");
      expect(answer.headers["cache-control"]).toBe("no-store");
      // However deep the place lies, the files are found.
      expect(answer.body).toContain(`src="${mount}/assets/index-B0Y12Uys.js"`);
      expect(answer.body).toContain(`href="${mount}/icon.svg"`);
      expect(answer.body).not.toContain('"./');
    }
  },
);

test("what has a hash in its name is kept for good, the rest is asked for again, and what is not there is a 404", async () => {
  const { get } = await open();
  const hashed = await get("/dashboard/assets/index-B0Y12Uys.js");
  expect([hashed.statusCode, hashed.headers["cache-control"]]).toEqual([
    200,
    "public, max-age=31536000, immutable",
  ]);
  expect(hashed.headers["content-type"]).toBe("text/javascript; charset=utf-8");
  expect(hashed.body).toBe(builtPages.get("assets/index-B0Y12Uys.js")?.toString());
  expect((await get("/dashboard/theme.js")).headers["cache-control"]).toBe("no-cache");
  const font = await get("/portal/assets/font.woff2", { "accept-encoding": "gzip" });
  expect(font.headers).toMatchObject({ "content-type": "font/woff2", "cache-control": "no-cache" });
  expect(font.headers).not.toHaveProperty("content-encoding");
  for (const name of ["assets/index-AAAAAAAA.js", "assets/", "assets", "robots.txt", "x.php"]) {
    const answer = await get(`/dashboard/${name}`);
    const isPlace = name === "assets";
    expect([name, answer.statusCode]).toEqual([name, isPlace ? 200 : 404]);
    if (!isPlace) expect(answer.json().code).toBe("not_found");
  }
});

test("a file is sent compressed to who takes that, its head alone to who asks for it, and not at all to who has it", async () => {
  const { get } = await open();
  const url = "/dashboard/assets/index-B0Y12Uys.js";
  const bytes = builtPages.get("assets/index-B0Y12Uys.js") as Buffer;
  for (const accepted of ["gzip", "br, gzip;q=0.5", "deflate, GZIP"]) {
    const zipped = await get(url, { "accept-encoding": accepted });
    expect(zipped.headers["content-encoding"], accepted).toBe("gzip");
    expect(Number(zipped.headers["content-length"])).toBeLessThan(bytes.length / 4);
    expect(gunzipSync(zipped.rawPayload)).toEqual(bytes);
  }
  for (const accepted of ["", "br", "gzip;q=0", "gzip;q=0.00", "x-gzip", "identity"]) {
    const plain = await get(url, { "accept-encoding": accepted });
    expect(plain.headers, accepted).not.toHaveProperty("content-encoding");
    expect([plain.headers.vary, plain.rawPayload]).toEqual(["accept-encoding", bytes]);
  }
  const { headers } = await get(url);
  const head = await get(url, {}, "HEAD");
  expect([head.statusCode, head.headers["content-length"], head.body]).toEqual([
    200,
    String(bytes.length),
    "",
  ]);
  const etag = String(headers.etag);
  for (const known of [etag, `W/${etag}`, `"other", ${etag}`]) {
    const kept = await get(url, { "if-none-match": known });
    expect([kept.statusCode, kept.body, kept.headers.etag]).toEqual([304, "", etag]);
  }
  expect((await get(url, { "if-none-match": '"other"' })).statusCode).toBe(200);
  expect((await get("/dashboard/", { "if-none-match": etag })).statusCode).toBe(200);
});

test("a page runs scripts and styles of this service alone, and stands in no frame but those of POSTRIDER_PORTAL_ORIGINS, the portal only", async () => {
  const policyOf = (answer: { headers: Record<string, unknown> }) =>
    Object.fromEntries(
      String(answer.headers["content-security-policy"])
        .split("; ")
        .map((one) => [one.split(" ")[0], one.split(" ").slice(1).join(" ")]),
    );
  const { get } = await open(undefined, "https://app.acme.test, http://localhost:3000");
  const closed = await open();
  const strict = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": "'self'",
    "font-src": "'self'",
    "img-src": "'self' data:",
    "manifest-src": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
  };
  for (const place of ["/dashboard/", "/dashboard/a", "/dashboard/theme.js"]) {
    const answer = await get(place);
    expect(policyOf(answer), place).toEqual(strict);
    expect(answer.headers["x-frame-options"]).toBe("DENY");
  }
  const portal = await get("/portal/");
  expect(policyOf(portal)).toEqual({
    ...strict,
    "img-src": "'self' data: https:",
    "frame-ancestors": "https://app.acme.test http://localhost:3000",
  });
  expect(portal.headers).not.toHaveProperty("x-frame-options");
  const alone = await closed.get("/portal/");
  expect(policyOf(alone)["frame-ancestors"]).toBe("'none'");
  expect(alone.headers["x-frame-options"]).toBe("DENY");
  for (const answer of [portal, alone, await get("/dashboard/")]) {
    expect(answer.headers).toMatchObject({
      "x-content-type-options": "nosniff",
      "referrer-policy": "same-origin",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
    });
    expect(String(answer.headers["content-security-policy"])).not.toContain("unsafe");
    expect(answer.headers).not.toHaveProperty("set-cookie");
  }
});

test("a service without a built dashboard says so on its page, and serves it as soon as it is there", async () => {
  let built: BuiltFiles | undefined;
  const { get } = await open(() => built);
  for (const place of ["/dashboard/", "/portal/deliveries"]) {
    const answer = await get(place);
    expect([answer.statusCode, answer.headers["content-type"]]).toEqual([
      404,
      "text/html; charset=utf-8",
    ]);
    expect(answer.body).toContain("npm run build -w packages/dashboard");
  }
  built = builtPages;
  expect((await get("/dashboard/")).statusCode).toBe(200);
});

test("a page is read and not written: other methods are named as wrong", async () => {
  const { call } = await open();
  for (const path of ["/dashboard", "/dashboard/", "/portal/deliveries"]) {
    const posted = await call("POST", path, { key: null, body: {} });
    expect([posted.status, posted.headers.allow]).toEqual([405, "GET, HEAD, OPTIONS"]);
    const asked = await call("OPTIONS", path, { key: null });
    expect([asked.status, asked.headers.allow]).toEqual([204, "GET, HEAD, OPTIONS"]);
  }
});

test("the files of a build are read, but neither hidden nor linked ones", () => {
  const directory = mkdtempSync(path.join(tmpdir(), "postrider-built-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  expect(readBuilt(directory)).toBeUndefined();
  mkdirSync(path.join(directory, "assets"));
  mkdirSync(path.join(directory, ".vite"));
  for (const name of ["index.html", "assets/a.js", ".env", ".vite/manifest.json"]) {
    writeFileSync(path.join(directory, name), name);
  }
  symlinkSync("/etc/passwd", path.join(directory, "assets/passwd.txt"));
  symlinkSync("/etc", path.join(directory, "etc"));
  const files = readBuilt(directory);
  expect([...(files?.keys() ?? [])].sort()).toEqual(["assets/a.js", "index.html"]);
  expect(files?.get("assets/a.js")?.toString()).toBe("assets/a.js");
});
