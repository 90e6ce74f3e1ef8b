import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { type Operation, startReceiver, type TlsScenario } from "../support/scripted-receiver.ts";

const program = fileURLToPath(new URL("../support/post-once.ts", import.meta.url));
const authority = fileURLToPath(new URL("../support/certificates/authority.pem", import.meta.url));
const ok: Operation[] = [
  { op: "read_request" },
  { op: "send", data: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" },
];

/** What becomes of one POST that a process of its own makes under this environment. */
async function post(tls: TlsScenario, env: Record<string, string>) {
  const receiver = await startReceiver(ok, tls);
  onTestFinished(() => receiver.close());
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--import", "tsx", program, receiver.origin],
    { env: { PATH: process.env.PATH, ...env } },
  );
  return JSON.parse(stdout);
}

test("a private authority is trusted by NODE_EXTRA_CA_CERTS, and not without it", async () => {
  const [trusted, unknown] = await Promise.all([
    post("valid", { NODE_EXTRA_CA_CERTS: authority }),
    post("valid", {}),
  ]);
  expect(trusted).toMatchObject({ kind: "responded", status: 200 });
  expect(unknown).toMatchObject({ reason: "tls_error" });
});

test("no variable of node's turns off the check of certificates", async () => {
  const result = await post("self_signed", { NODE_TLS_REJECT_UNAUTHORIZED: "0" });
  expect(result).toMatchObject({ reason: "tls_error" });
});

test.each(["tls1.0_only", "tls1.1_only"] as const)(
  "a receiver that speaks %s is refused, even where node and OpenSSL would let it pass",
  async (scenario) => {
    const result = await post(scenario, {
      NODE_OPTIONS: "--tls-min-v1.0 --tls-cipher-list=ALL:@SECLEVEL=0",
      NODE_EXTRA_CA_CERTS: authority,
    });
    expect(result).toMatchObject({ reason: "tls_error" });
  },
);
