import fc from "fast-check";
import { expect, test } from "vitest";
import { openService, type Service } from "../support/running-server.ts";
import { rowsOf } from "./rows.ts";

type Answer = { status: number; headers: Record<string, string>; body: string };

/** Asks as no library would let one: the request target goes out as it is. */
async function ask(
  service: Service,
  target: string,
  { method = "GET", headers = {} as Record<string, string>, body = "" } = {},
): Promise<Answer> {
  const all = { host: "postrider.test", connection: "close", ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  const answer = await service.exchange(
    Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n${body}`, "latin1"),
  );
  const [head = "", ...rest] = answer.split("\r\n\r\n");
  const [first = "", ...fields] = head.split("\r\n");
  return {
    status: Number(first.split(" ")[1]),
    headers: Object.fromEntries(
      fields.map((field) => {
        const [name = "", ...value] = field.split(": ");
        return [name.toLowerCase(), value.join(": ")];
      }),
    ),
    body: rest.join("\r\n\r\n"),
  };
}

/** What a file of this machine or of the repository would show. */
const ofFiles = ["root:x:", '"dependencies"', "BEGIN", "DATABASE_URL", "ref: refs/heads"];

function expectNoFile(target: string, answer: Answer) {
  expect([400, 403, 404], `${target}: ${answer.status}`).toContain(answer.status);
  expect(answer.headers["content-type"], target).toContain("application/problem+json");
  for (const mark of ofFiles) expect(answer.body, target).not.toContain(mark);
}

test.each(rowsOf("static: path"))(
  "$id: $input.path serves no file",
  async ({ input, expect: wanted }) => {
    const service = await openService();
    const answer = await ask(service, input.path);
    expectNoFile(input.path, answer);
    for (const mark of wanted.body_must_not_contain) expect(answer.body).not.toContain(mark);
  },
);

test("no spelling of a path leads out of the routes", async () => {
  const service = await openService();
  const up = fc.constantFrom(
    ...["..", "%2e%2e", ".%2e", "%252e%252e", "..;", "....", "..%00", "..%c0%af", "%u002e%u002e"],
    ...["..\\", "..%5c", "..%255c", ".", "", "~", "%ef%bc%8e%ef%bc%8e"],
  );
  const slash = fc.constantFrom("/", "//", "%2f", "%252f", "\\", "%5c", "/./");
  const file = fc.constantFrom(
    ...["etc/passwd", "package.json", ".env", ".git/HEAD", "openapi.json", "src/config.ts"],
    ...["proc/self/environ", ".postrider/keys.json", "C:/windows/win.ini", "docs/../package.json"],
  );
  const start = fc.constantFrom(
    "/",
    "/docs/",
    "/docs",
    "/openapi.json/",
    "/assets/",
    "//",
    "/static/",
  );
  const target = fc
    .tuple(start, fc.array(fc.tuple(up, slash), { minLength: 1, maxLength: 6 }), file)
    .map(([from, steps, to]) => `${from}${steps.map((step) => step.join("")).join("")}${to}`);
  await fc.assert(
    fc.asyncProperty(target, async (path) => expectNoFile(path, await ask(service, path))),
    { numRuns: 150, seed: 20_261_121 },
  );
});

test("static-017: every answer has strict headers for browsers, and none names its software", async () => {
  const service = await openService();
  const authorization = `Bearer ${service.key}`;
  const targets = ["/", "/docs", "/openapi.json", "/livez", "/webhooks", "/metrics", "/%", "/%zz"];
  for (const target of targets) {
    for (const headers of [{}, { authorization }] as Record<string, string>[]) {
      const answer = await ask(service, target, { headers });
      const about = `${target} ${answer.status}`;
      expect(answer.headers["x-content-type-options"], about).toBe("nosniff");
      expect(answer.headers["referrer-policy"], about).toBe("no-referrer");
      const policy = answer.headers["content-security-policy"];
      expect(policy, about).toContain("default-src 'none'");
      expect(policy, about).toContain("frame-ancestors 'none'");
      expect(policy, about).not.toMatch(/script-src/);
      expect(answer.headers, about).not.toHaveProperty("x-powered-by");
      expect(answer.headers, about).not.toHaveProperty("server");
      expect(answer.headers, about).not.toHaveProperty("access-control-allow-origin");
    }
  }
});

test("static-018: no other origin is let in, whatever it asks for", async () => {
  const service = await openService();
  for (const target of ["/accounts/v1/users/me", "/webhooks", "/v1/facts", "/nowhere", "/livez"]) {
    for (const method of ["OPTIONS", "GET", "POST"]) {
      const answer = await ask(service, target, {
        method,
        headers: {
          origin: "https://evil.test",
          "access-control-request-method": "POST",
          "access-control-request-headers": "authorization",
        },
      });
      const allowed = Object.keys(answer.headers).filter((name) => /^access-control-/.test(name));
      expect(allowed, `${method} ${target}`).toEqual([]);
    }
  }
});
