import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { verify } from "@postrider/sdk";
import { tellWhileWaiting } from "../src/patience.ts";

const help = `usage: npm run smoke -- [--url <url>] [--key <key>] [--receiver-host <address>] [--json]

Publishes one event to a running Postrider, receives it, and looks for its attempt in the history.
Exit code 0 when it arrived with a valid signature and is recorded as delivered, 1 when not, 2 for wrong usage.

  --url            the service (POSTRIDER_URL, or http://127.0.0.1:8080)
  --key            an API key with the scopes read, write and publish (POSTRIDER_API_KEY)
  --receiver-host  the address at which the service reaches this machine (127.0.0.1); it must allow
                   that address and http: POSTRIDER_EGRESS_ALLOW, POSTRIDER_ALLOW_HTTP
  --json           print a JSON object
  --help

The event is a workflow_created, and a workflow_deleted follows: other subscriptions of the key's team
that want these get them as well, so use a team of its own where that matters.`;

const waitMsMax = 30_000;

type Finding = { ok: boolean; detail: string; event_id?: string; milliseconds?: number };

const options = readOptions();
const finding = await tellWhileWaiting(smoke(), (seconds) =>
  console.error(`smoke: waiting for the service and the delivery (${seconds} s so far)`),
).catch((error): Finding => ({ ok: false, detail: (error as Error).message }));
console.log(
  options.json
    ? JSON.stringify(finding)
    : `smoke: ${finding.ok ? "ok" : "FAILED"}: ${finding.detail}`,
);
process.exitCode = finding.ok ? 0 : 1;

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        url: { type: "string", default: process.env.POSTRIDER_URL || "http://127.0.0.1:8080" },
        key: { type: "string", default: process.env.POSTRIDER_API_KEY ?? "" },
        "receiver-host": { type: "string", default: "127.0.0.1" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) {
      console.log(help);
      process.exit(0);
    }
    if (values.key === "") throw new Error("an API key is needed: --key or POSTRIDER_API_KEY.");
    if (!/^[\x21-\x7e]+$/.test(values.key)) {
      throw new Error("--key must be printable ASCII without blanks or line breaks.");
    }
    if (!/^https?:\/\//.test(values.url) || !URL.canParse(values.url)) {
      throw new Error("--url must be a URL like http://127.0.0.1:8080.");
    }
    return { ...values, receiverHost: values["receiver-host"] };
  } catch (error) {
    console.error(`smoke: ${(error as Error).message}\n\n${help}`);
    return process.exit(2);
  }
}

async function smoke(): Promise<Finding> {
  const receiver = await openReceiver();
  const made: string[] = [];
  try {
    const subscription = await call("POST", "/workflow-webhooks", {
      name: "Smoke test",
      url: receiver.url,
      actions: ["workflow_created"],
      max_retries: 0,
      timeout_seconds: 10,
    });
    const subscriptionPath = `/workflow-webhooks/${subscription.id}`;
    made.push(subscriptionPath);
    const { secret } = await call("GET", `${subscriptionPath}/signing-secret`);
    const startedAtMs = performance.now();
    const { workflow } = await call("POST", "/workflows", { name: "Smoke test" });
    made.push(`/workflows/${workflow.id}`);

    const event = await finishedEvent(subscription.id);
    const milliseconds = Math.round(performance.now() - startedAtMs);
    const [attempt] = (await call("GET", `/workflow-webhooks/events/${event._id}/attempts`))
      .attempts;
    const { event_id } = event;
    if (event.status !== "delivered") {
      const detail = `${event_id} failed: ${attempt?.error_message ?? event.last_error}`;
      return { ok: false, event_id, milliseconds, detail };
    }
    const { headers, body } = receiver.arrived();
    await verify(body, headers, secret);
    const detail = `${event_id} delivered and recorded in ${milliseconds} ms (attempt ${attempt.attempt_number}, status ${attempt.response_status_code}, ${attempt.latency_ms} ms on the wire), signature valid`;
    return { ok: true, event_id, milliseconds, detail };
  } finally {
    // The subscription first: what happens to the workflow is none of its business.
    for (const path of made) await call("DELETE", path);
    receiver.close();
  }
}

/** Waits until the one event of the subscription has come to its end. */
async function finishedEvent(subscriptionId: string) {
  const deadlineMs = performance.now() + waitMsMax;
  for (;;) {
    const { events } = await call(
      "GET",
      `/workflow-webhooks/events?subscription_id=${subscriptionId}`,
    );
    const [event] = events;
    if (event?.status === "delivered" || event?.status === "failed") return event;
    if (performance.now() > deadlineMs) {
      throw new Error(
        event
          ? `${event.event_id} is still ${event.status} after ${waitMsMax / 1_000} s`
          : `the history shows no event after ${waitMsMax / 1_000} s`,
      );
    }
    await pause(50);
  }
}

async function call(method: "GET" | "POST" | "DELETE", path: string, body?: object) {
  const address = new URL(`/workflows/v1${path}`, options.url);
  let response: Response;
  try {
    response = await fetch(address, {
      method,
      headers: {
        authorization: `Bearer ${options.key}`,
        ...(body && { "content-type": "application/json" }),
      },
      ...(body && { body: JSON.stringify(body) }),
      // Followed, a redirect would take the key along.
      redirect: "manual",
      signal: AbortSignal.timeout(waitMsMax),
    });
  } catch (error) {
    const { cause, message } = error as Error;
    const { code } = (cause ?? {}) as { code?: string };
    throw new Error(`${address.origin} does not answer (${code ?? message})`);
  }
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${problemIn(text)}`);
  return text === "" ? undefined : JSON.parse(text);
}

function problemIn(text: string): string {
  try {
    const { title, detail } = JSON.parse(text);
    return detail ?? title;
  } catch {
    return text.slice(0, 200);
  }
}

async function openReceiver() {
  let last: { headers: Record<string, string | string[] | undefined>; body: Buffer } | undefined;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      last = { headers: request.headers, body: Buffer.concat(chunks) };
      response.writeHead(204).end();
    });
  });
  const host = options.receiverHost;
  const listenAt = host === "127.0.0.1" ? host : "0.0.0.0";
  await new Promise<void>((resolve) => server.listen(0, listenAt, resolve));
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}/smoke`,
    arrived() {
      if (!last) throw new Error("recorded as delivered, but nothing arrived here");
      return last;
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
