import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startConnectProxy } from "../support/connect-proxy.ts";
import { until } from "../support/house.ts";
import { startNameServer, type Zone } from "../support/name-server.ts";
import { openService } from "../support/running-server.ts";
import { type Operation, startReceiver } from "../support/scripted-receiver.ts";

const webhooks = "/workflows/v1/workflow-webhooks";
const readRequest: Operation = { op: "read_request" };
const answer = (data: string): Operation[] => [readRequest, { op: "send", data }, { op: "fin" }];
const ok = answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");

/** A service whose operator has opened ranges, with a hosts file, a name server and a receiver of the test's own. */
async function open(
  env: Record<string, string>,
  { zone = {}, script = ok }: { zone?: Zone; script?: readonly Operation[] } = {},
) {
  const directory = await mkdtemp(path.join(tmpdir(), "postrider-names-"));
  const hostsFile = path.join(directory, "hosts");
  const searchFile = path.join(directory, "resolv.conf");
  await writeFile(hostsFile, "127.0.0.1 n8n\n");
  await writeFile(searchFile, "search default.svc.cluster.local\n");
  const names = await startNameServer(zone);
  const receiver = await startReceiver(script);
  onTestFinished(async () => {
    await names.close();
    await receiver.close();
    await rm(directory, { recursive: true });
  });
  const resolverFiles = { hostsFile, searchFile, nameServers: [names.address] };
  const service = await openService({ resolverFiles }, env);
  const create = async (url: string) =>
    await service.call("POST", webhooks, {
      name: "a webhook",
      url,
      actions: ["workflow_created"],
      max_retries: 0,
    });
  return {
    service,
    receiver,
    hostsFile,
    create,
    /** Sends a test event to a new webhook under this URL, and gives its one attempt as the API shows it. */
    async attempt(url: string) {
      const made = await create(url);
      expect([made.status, made.body?.detail]).toEqual([201, undefined]);
      const sent = await service.call("POST", `${webhooks}/${made.body.id}/test`, {
        action: "workflow_created",
      });
      expect(sent.status).toBe(202);
      const of = `${webhooks}/events/${sent.body.event_id}/attempts`;
      await until("the attempt is made", async () => {
        return (await service.call("GET", of)).body?.total === 1;
      });
      return (await service.call("GET", of)).body.attempts[0];
    },
  };
}

const privateNetwork = {
  POSTRIDER_EGRESS_ALLOW: "127.0.0.0/8,10.0.0.0/8",
  POSTRIDER_ALLOW_HTTP: "1",
};

test("who opens a private network delivers to its names, and their addresses decide at every attempt", async () => {
  const { attempt, create, receiver, hostsFile } = await open(privateNetwork, {
    zone: {
      "hooks.default.svc.cluster.local": { a: ["127.0.0.1"] },
      "public.default.svc.cluster.local": { a: ["169.254.169.254"] },
      "both.internal": { a: ["127.0.0.1", "192.168.0.1"] },
    },
  });
  const at = (host: string) => `http://${host}:${receiver.port}/`;
  for (const host of [
    "n8n",
    "hooks",
    "hooks.default.svc.cluster.local",
    "HOOKS.default.svc.cluster.local.",
  ]) {
    expect([host, await attempt(at(host))]).toMatchObject([host, { success: true }]);
  }
  expect(receiver.requests).toHaveLength(4);
  for (const host of ["public", "both.internal"]) {
    expect(await attempt(at(host))).toMatchObject({ error_code: "blocked_address" });
  }
  await writeFile(hostsFile, "192.168.0.1 n8n # not of the opened range\n");
  await until("the new line counts", async () => {
    return (await attempt(at("n8n"))).error_code === "blocked_address";
  });
  for (const host of ["metadata.goog", "metadata", "metadata.google.internal.", "x.invalid"]) {
    const { status, body } = await create(at(host));
    expect([host, status, body.errors[0].type]).toEqual([host, 422, "url_host_forbidden"]);
  }
});

test("who opens loopback alone has opened no names but its own", async () => {
  const { create, receiver } = await open({
    POSTRIDER_EGRESS_ALLOW: "127.0.0.0/8,198.51.100.0/24",
  });
  for (const host of ["n8n", "hooks.default.svc.cluster.local", "a.internal"]) {
    const { status, body } = await create(`http://${host}:${receiver.port}/`);
    expect([host, status, body.errors[0].type]).toEqual([host, 422, "url_host_forbidden"]);
  }
  expect((await create(`http://localhost.:${receiver.port}/`)).body.url).toBe(
    `http://localhost:${receiver.port}/`,
  );
});

test("an attempt shows why a name led nowhere", async () => {
  const { attempt } = await open(privateNetwork, {
    zone: { "broken.example.com": "SERVFAIL", "empty.example.com": {} },
  });
  const shown = async (host: string) => {
    const { error_code, error_message } = await attempt(`http://${host}:8080/`);
    return [error_code, error_message];
  };
  const failed = "The name server failed to look the host name up (SERVFAIL).";
  const empty = "The host name exists but has no address (NODATA).";
  const unknown = "The host name does not exist (NXDOMAIN).";
  expect(await shown("broken.example.com")).toEqual(["dns_error", failed]);
  expect(await shown("empty.example.com")).toEqual(["dns_error", empty]);
  expect(await shown("nobody.example.com")).toEqual(["dns_error", unknown]);
});

test("an attempt that failed over a bad answer shows its status and body, and is no success", async () => {
  const head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok";
  const { attempt, receiver } = await open(privateNetwork, { script: answer(head) });
  expect(await attempt(`http://n8n:${receiver.port}/`)).toMatchObject({
    success: false,
    error_code: "protocol_error",
    error_message: "The answer has both Content-Length and Transfer-Encoding.",
    response_status_code: 200,
    response_body: "ok",
    response_truncated: true,
  });
});

test("a service with an egress proxy sends through it, and its credentials are in no log line and no answer", async () => {
  const proxy = await startConnectProxy();
  const refusing = await startConnectProxy(() => "HTTP/1.1 407 No\r\n\r\n");
  onTestFinished(async () => void (await Promise.all([proxy.close(), refusing.close()])));
  const through = async (port: number) => {
    const { service, receiver, attempt } = await open({
      ...privateNetwork,
      POSTRIDER_EGRESS_PROXY: `http://post:hunter2@127.0.0.1:${port}`,
    });
    const shown = await attempt(`http://n8n:${receiver.port}/`);
    for (const text of [JSON.stringify(shown), service.logged()]) {
      expect(text).not.toContain("hunter2");
      expect(text).not.toContain(Buffer.from("post:hunter2").toString("base64"));
    }
    return shown;
  };
  expect(await through(proxy.port)).toMatchObject({ success: true });
  expect(proxy.requests).toHaveLength(1);
  expect(await through(refusing.port)).toMatchObject({
    error_code: "proxy_error",
    error_message: "The egress proxy did not accept the service's credentials (407).",
    response_status_code: null,
  });
});

test("headers that speak for a browser, for AWS or for a trace are refused in every contract that has any", async () => {
  const { service } = await open(privateNetwork);
  const reserved = [
    "Origin",
    "Referer",
    "Sec-Fetch-Mode",
    "X-Amz-Date",
    "traceparent",
    "tracestate",
  ];
  const too = {
    ...Object.fromEntries(reserved.map((name) => [name, "v"])),
    "X-Long": "a".repeat(4_097),
  };
  const url = "https://hooks.example.com/";
  const answers = [
    await service.call("POST", webhooks, {
      name: "w",
      url,
      actions: ["workflow_created"],
      headers: too,
    }),
    await service.call("POST", "/webhooks", {
      name: "w",
      url,
      events: ["workflow.started"],
      headers: too,
    }),
    await service.call("POST", "/assistants/v1/assistants", {
      name: "a",
      assistantServer: { enabled: true, url, messages: ["hang"], headers: too },
    }),
  ];
  for (const { status, body } of answers) {
    expect(status).toBe(422);
    const types = body.errors.map(({ loc, type }: { loc: string[]; type: string }) => [
      loc.at(-1),
      type,
    ]);
    expect(types).toEqual([
      ...reserved.map((name) => [name, "header_name_reserved"]),
      ["X-Long", "header_value_too_long"],
    ]);
  }
});
