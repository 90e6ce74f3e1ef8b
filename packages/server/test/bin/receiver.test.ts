import { decodeSecret, encodeSecret, sign } from "@postrider/sdk/sign";
import { expect, onTestFinished, test } from "vitest";
import { openReceiver, type ReceiverOptions } from "../../bin/receiver.ts";
import { runCommand } from "../support/process.ts";

const secret = encodeSecret(new Uint8Array(32).fill(7));
const other = encodeSecret(new Uint8Array(32).fill(8));

async function open(options: Partial<ReceiverOptions> = {}) {
  const lines: string[] = [];
  const receiver = await openReceiver({ port: 0, print: (line) => lines.push(line), ...options });
  onTestFinished(() => receiver.close());
  return { url: receiver.url, lines };
}

async function post(url: string, body: string, headers: Record<string, string> = {}) {
  const response = await fetch(url, { method: "POST", headers, body });
  await response.arrayBuffer();
  return response.status;
}

function signed(body: string, by: string): Record<string, string> {
  const seconds = Math.floor(Date.now() / 1_000);
  return {
    "webhook-id": "event_1",
    "webhook-timestamp": String(seconds),
    "webhook-signature": sign(decodeSecret(by), "event_1", seconds, body),
  };
}

test.each([
  ["A", { action: "workflow_created" }, "workflow_created"],
  ["B", { event_type: "workflow.step.failed" }, "workflow.step.failed"],
  ["C", { message: { type: "end-of-call-report" } }, "end-of-call-report"],
  ["no", { action: 7, message: null }, "(no event type)"],
])("the small receiver prints the event type of contract %s", async (_contract, body, label) => {
  const { url, lines } = await open();
  expect(await post(url, JSON.stringify(body))).toBe(204);
  expect(lines[0]).toContain(label);
});

test("a signature that the small receiver calls refused is answered with 401, whatever --status says", async () => {
  const { url, lines } = await open({ secret, status: 200 });
  const refused = [signed("{}", other), {}, { ...signed("{}", secret), "webhook-timestamp": "1" }];
  for (const headers of refused) {
    expect(await post(url, "{}", headers)).toBe(401);
    expect(lines.pop()).toContain("signature refused with 401: ");
  }
  expect(await post(url, "{}", signed("{}", secret))).toBe(200);
  expect(lines.pop()).toContain("signature verified");
});

test("the small receiver takes what any event may have, and answers 413 to more", async () => {
  const { url, lines } = await open();
  const largest = "x".repeat(5_000_000);
  expect(await post(url, largest)).toBe(204);
  expect(await post(url, `${largest}x`)).toBe(413);
  expect(lines.at(-1)).toContain("413");
});

test.each([
  ["", "is empty"],
  ["whsec_", "24 to 64 bytes"],
  ["whsec_YWJj", "24 to 64 bytes"],
  ["abc", 'begin with "whsec_"'],
  [`${secret}\n`, "Trim it"],
])(
  "postrider receive refuses the secret %j in one line that does not quote it",
  async (wrong, why) => {
    const { code, stdout, stderr } = await runCommand([
      "receive",
      "--port",
      "0",
      "--secret",
      wrong,
    ]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^postrider: --secret: The signing secret .+\.\n$/);
    expect(stderr).toContain(why);
  },
);

test("postrider receive says by which option another port is chosen", async () => {
  const { url } = await open();
  const { code, stderr } = await runCommand(["receive", "--port", new URL(url).port]);
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^postrider: Port \d+ for the receiver is taken; choose another with --port\.\n$/,
  );
});
