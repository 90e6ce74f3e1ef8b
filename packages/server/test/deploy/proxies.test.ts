import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { documentBytesMax } from "../../src/domain/contracts/contract.ts";
import { readText, root } from "../house/sources.ts";
import { findProgram } from "./programs.ts";

const nginx = findProgram("nginx", ["-v"]);
const caddy = findProgram("caddy", ["version"]);
const nginxConf = readText("deploy/proxy/nginx.conf");
const caddyfile = readText("deploy/proxy/Caddyfile");

function temporary(): string {
  const directory = mkdtempSync(path.join(tmpdir(), "postrider-proxy-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

/** Lets nginx test a configuration, with a certificate of the tests in place of the operator's. */
function testNginx(text: string) {
  const directory = temporary();
  const certificates = path.join(root, "packages/server/test/support/certificates");
  const own = text
    .replace("/etc/ssl/certs/postrider.pem", path.join(certificates, "valid.pem"))
    .replace("/etc/ssl/private/postrider.key", path.join(certificates, "valid-key.pem"));
  writeFileSync(path.join(directory, "site.conf"), own);
  const main = `pid ${directory}/pid; error_log stderr; events {} http { access_log off; include ${directory}/site.conf; }`;
  writeFileSync(path.join(directory, "nginx.conf"), main);
  return nginx.run(["-t", "-p", directory, "-c", path.join(directory, "nginx.conf")]);
}

function testCaddy(text: string) {
  const file = path.join(temporary(), "Caddyfile");
  writeFileSync(file, text);
  return caddy.run(["validate", "--adapter", "caddyfile", "--config", file]);
}

test("nginx takes its example, and not one with a slip", ({ skip }) => {
  skip(!nginx.isThere, nginx.missing);
  expect(testNginx(nginxConf)).toMatchObject({ code: 0 });
  expect(testNginx(nginxConf.replace("proxy_buffering off;", "proxy_buffer off;")).code).toBe(1);
});

test("Caddy takes its example, and not one with a slip", ({ skip }) => {
  skip(!caddy.isThere, caddy.missing);
  expect(testCaddy(caddyfile)).toMatchObject({ code: 0 });
  expect(testCaddy(caddyfile.replace("lb_policy", "lb_policies")).code).not.toBe(0);
});

test("both pass on the largest bodies, keep metrics inside, and close idle connections first", () => {
  const mib = documentBytesMax / 1024 / 1024;
  expect(Number(/client_max_body_size (\d+)m;/.exec(nginxConf)?.[1])).toBeGreaterThan(mib);
  expect(Number(/max_size (\d+)MB/.exec(caddyfile)?.[1])).toBeGreaterThan(mib);
  expect(nginxConf).toContain("location = /metrics { return 404; }");
  expect(caddyfile).toContain("@inside path /metrics /readyz");
  const [, idleMs] =
    /keepAliveTimeout: ([\d_]+)/.exec(readText("packages/server/src/api/app.ts")) ?? [];
  const idleSeconds = Number(idleMs?.replaceAll("_", "")) / 1_000;
  for (const seconds of [
    /keepalive_timeout (\d+)s/.exec(nginxConf)?.[1],
    /keepalive (\d+)s/.exec(caddyfile)?.[1],
  ]) {
    expect(Number(seconds)).toBeLessThan(idleSeconds);
  }
});
