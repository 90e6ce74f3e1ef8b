import { createHmac } from "node:crypto";
import { decodeSecret, sign } from "@postrider/sdk/sign";
import { expect, test } from "vitest";
import { sendSample } from "../../src/actions/send-sample.ts";
import { replaceSigningSecret } from "../../src/actions/signing-secret.ts";
import { workflowActions, workflowWebhooks } from "../../src/domain/contracts/workflow-webhooks.ts";
import { newId } from "../../src/ids.ts";
import { type House, openHouse } from "../support/house.ts";
import type { ReceivedRequest } from "../support/http-receiver.ts";

const events = ["workflow_created"];

/** The platform's signature: the text of the secret is the key, and nothing is signed but the body. */
const platformSignature = (secret: string, body: Buffer): string =>
  createHmac("sha256", secret).update(body).digest("hex");

const standardSignature = (secret: string, { headers, body }: ReceivedRequest): string =>
  sign(
    decodeSecret(secret),
    String(headers["webhook-id"]),
    Number(headers["webhook-timestamp"]),
    body,
  );

const last = ({ receiver }: House): ReceivedRequest => {
  const request = receiver.requests.at(-1);
  if (!request) throw new Error("nothing arrived");
  return request;
};

test("every attempt carries the platform's own signature of the body and the attempt's time, beside the standard ones", async () => {
  let seconds = 1_800_000_000;
  const house = await openHouse({ nowMs: () => seconds++ * 1_000 });
  const { secret } = await house.subscribe({ events, maxRetries: 2 });
  house.receiver.answerWith(500, 500, 200);
  await house.workflow({ name: "Größe 漢字" });
  await house.drain();

  const { requests } = house.receiver;
  expect(requests).toHaveLength(3);
  for (const request of requests) {
    const { headers, body } = request;
    expect(headers["x-interactly-signature"]).toBe(platformSignature(secret, body));
    expect(headers["x-interactly-timestamp"]).toBe(headers["webhook-timestamp"]);
    expect(headers["webhook-signature"]).toBe(standardSignature(secret, request));
  }
  expect(new Set(requests.map(({ headers }) => headers["x-interactly-timestamp"])).size).toBe(3);
});

test("a rotated-out secret signs for 24 hours and no longer; the platform's signature is under the new one from the start", async () => {
  const house = await openHouse();
  const { id, secret: old } = await house.subscribe({ events });
  const owner = { teamId: house.teamId, contract: workflowWebhooks.name };
  const { secret } = await replaceSigningSecret(house, owner, id, "system");
  const signaturesNow = async () => {
    house.forgetTargets();
    await house.workflow();
    await house.settled();
    const request = last(house);
    expect(request.headers["x-interactly-signature"]).toBe(platformSignature(secret, request.body));
    return {
      sent: request.headers["webhook-signature"],
      both: [secret, old].map((one) => standardSignature(one, request)).join(" "),
      current: standardSignature(secret, request),
    };
  };

  const during = await signaturesNow();
  expect(during.sent).toBe(during.both);
  await house.passTime("23 hours 59 minutes");
  const nearTheEnd = await signaturesNow();
  expect(nearTheEnd.sent).toBe(nearTheEnd.both);
  await house.passTime("1 minute");
  const after = await signaturesNow();
  expect(after.sent).toBe(after.current);
});

test("custom headers go with every attempt, beside the bearer token; a header Authorization can be Basic", async () => {
  const house = await openHouse();
  const headers = { "X-Key": "a key", "X-Tenant": "7" };
  await house.subscribe({ events, headers, token: "tok", maxRetries: 1, path: "/token" });
  const basic = { Authorization: "Basic dXNlcjpwYXNz" };
  await house.subscribe({ events, headers: basic, maxRetries: 1, path: "/basic" });
  house.receiver.answerBy((_request, count) => (count <= 2 ? 500 : 200));
  await house.workflow();
  await house.drain();

  const { requests } = house.receiver;
  expect(requests).toHaveLength(4);
  for (const { path, headers } of requests) {
    if (path === "/token") {
      expect(headers).toMatchObject({
        authorization: "Bearer tok",
        "x-key": "a key",
        "x-tenant": "7",
      });
    } else expect(headers.authorization).toBe("Basic dXNlcjpwYXNz");
  }
});

test("the operator's prefix names our own headers, and no custom header under it leaves", async () => {
  const house = await openHouse({ headerPrefix: "x-acme" });
  const { secret } = await house.subscribe({ events });
  await house.subscribe({
    events,
    headers: { "X_Acme-Signature": "forged" },
    path: "/forged",
    maxRetries: 0,
  });
  await house.workflow();
  await house.settled();

  expect(house.receiver.requests.map(({ path }) => path)).toEqual(["/"]);
  const { headers, body } = last(house);
  expect(headers["x-acme-signature"]).toBe(platformSignature(secret, body));
  expect(headers["x-acme-timestamp"]).toBe(headers["webhook-timestamp"]);
  expect(Object.keys(headers).filter((name) => name.startsWith("x-interactly"))).toEqual([]);
  const failed = (await house.attempts()).find(({ success }) => !success);
  expect(failed?.error_code).toBe("blocked_header");
});

test("a test event says so in its payload, whatever the action, and nothing else ever does", async () => {
  const house = await openHouse();
  const { id } = await house.subscribe({ events: workflowActions });
  for (const eventType of workflowActions) {
    await sendSample(house, {
      teamId: house.teamId,
      contract: workflowWebhooks,
      subscriptionId: id,
      eventType,
      actor: "system",
      newId,
    });
  }
  await house.settled();
  const payloads = () => house.receiver.requests.map(({ body }) => JSON.parse(body.toString()));
  expect(payloads().map(({ action, test: sample }) => [action, sample])).toEqual(
    workflowActions.map((action) => [action, true]),
  );

  const workflowId = await house.workflow();
  await house.record({ type: "workflow.updated", workflowId, data: { name: "New" } });
  await house.endRun(await house.startRun(workflowId));
  await house.record({ type: "workflow.deleted", workflowId });
  await house.settled();
  const real = payloads().slice(workflowActions.length);
  expect(real).toHaveLength(workflowActions.length);
  for (const payload of real) expect(payload).not.toHaveProperty("test");
});
