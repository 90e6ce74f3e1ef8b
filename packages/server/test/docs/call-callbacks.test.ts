import { createHash } from "node:crypto";
import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Postrider } from "@postrider/sdk";
import { AccessToken } from "livekit-server-sdk";
import twilio from "twilio";
import { expect, onTestFinished, test } from "vitest";
import {
  callIdOf,
  isSecret,
  type ReadCallback,
  serveCallbacks,
} from "../../../../examples/callbacks.ts";
import { readLiveKit } from "../../../../examples/livekit-calls.ts";
import { readTwilio } from "../../../../examples/twilio-calls.ts";
import { readVapi } from "../../../../examples/vapi-calls.ts";
import { openReceiver } from "../support/http-receiver.ts";
import { openService } from "../support/running-server.ts";

/** A service with an assistant, a receiver of its messages, and an adapter that reports to it. */
async function openWorld(readerFor: (assistantId: string) => ReadCallback) {
  const service = await openService();
  const receiver = await openReceiver();
  onTestFinished(() => receiver.close());
  const postrider = new Postrider({ url: service.server.url, apiKey: service.key });
  const assistant = await postrider.assistants.create({
    name: "Receptionist",
    assistantServer: {
      enabled: true,
      url: `${receiver.origin}/calls`,
      messages: ["status-update", "conversation-update", "end-of-call-report"],
    },
  });
  const adapter = serveCallbacks(postrider, readerFor(assistant.id));
  const url = await listen(adapter);
  const post = async (headers: Record<string, string>, body: string) =>
    (await fetch(url, { method: "POST", headers, body })).status;
  /** What the assistant's server was told, once so much has come: types and statuses, in their order. */
  const told = async (count: number) => {
    await receiver.received(count);
    return receiver.requests.map(({ body }) => {
      const { type, call } = JSON.parse(body.toString("utf8")).message;
      return `${type} ${call.status}`;
    });
  };
  return { postrider, url, post, told, assistant };
}

async function listen(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/callback`;
}

const sid = `CA${"0123456789abcdef".repeat(2)}`;
const callbackUrl = "https://calls.example.com/twilio";
const authToken = "a-token-of-twilio-for-tests";

/** A status callback of Twilio, signed by its own library. */
function twilioCallback(params: Record<string, string>, token = authToken) {
  const all = {
    CallSid: sid,
    AccountSid: `AC${"0".repeat(32)}`,
    ApiVersion: "2010-04-01",
    Direction: "inbound",
    From: "+493012345678",
    To: "+493087654321",
    CallbackSource: "call-progress-events",
    Timestamp: "Mon, 30 Nov 2026 10:00:00 +0000",
    ...params,
  };
  const signature = twilio.getExpectedTwilioSignature(token, callbackUrl, all);
  return [
    {
      "content-type": "application/x-www-form-urlencoded",
      "x-twilio-signature": signature,
    },
    new URLSearchParams(all).toString(),
  ] as const;
}

test("examples/twilio-calls.ts reports a call by its status callbacks, once, also when they come twice or late", async () => {
  const { postrider, post, told } = await openWorld((assistantId) =>
    readTwilio({ authToken, callbackUrl, assistantId }),
  );
  const ringing = twilioCallback({ CallStatus: "ringing", SequenceNumber: "1" });
  const completed = twilioCallback({
    CallStatus: "completed",
    CallDuration: "42",
    SequenceNumber: "3",
    Timestamp: "Mon, 30 Nov 2026 10:01:00 +0000",
  });
  expect(await post(...ringing)).toBe(204);
  expect(await post(...twilioCallback({ CallStatus: "in-progress" }))).toBe(204);
  expect(await post(...completed)).toBe(204);
  expect(await post(...completed)).toBe(204);
  expect(await post(...ringing)).toBe(204);
  expect(await told(4)).toEqual([
    "status-update queued",
    "status-update ongoing",
    "status-update finished",
    "end-of-call-report finished",
  ]);
  const call = await postrider.calls.get(callIdOf("phone", "twilio", sid));
  expect(call).toMatchObject({
    direction: "inbound",
    userNumber: "+493012345678",
    assistantNumber: "+493087654321",
    phoneCallStatus: "completed",
    assistantCallDuration: 42_000,
  });
});

test("a call that nobody answers is reported by a single callback, with why it ended", async () => {
  const { postrider, post, told } = await openWorld((assistantId) =>
    readTwilio({ authToken, callbackUrl, assistantId }),
  );
  const busy = { CallStatus: "busy", Direction: "outbound-api", SipResponseCode: "486" };
  expect(await post(...twilioCallback(busy))).toBe(204);
  expect(await told(3)).toContain("end-of-call-report finished");
  expect(await postrider.calls.get(callIdOf("phone", "twilio", sid))).toMatchObject({
    direction: "outbound",
    userNumber: "+493087654321",
    phoneCallStatus: "busy",
    phoneCallStatusReason: "SIP 486",
  });
});

test("a callback that Twilio did not sign, or that was changed on its way, is refused and reported nowhere", async () => {
  const { postrider, post } = await openWorld((assistantId) =>
    readTwilio({ authToken, callbackUrl, assistantId }),
  );
  const [headers, body] = twilioCallback({ CallStatus: "ringing" });
  expect(await post(headers, `${body}&SipResponseCode=200`)).toBe(403);
  expect(await post({ "content-type": headers["content-type"] }, body)).toBe(403);
  expect(await post(...twilioCallback({ CallStatus: "ringing" }, "another"))).toBe(403);
  expect((await postrider.calls.list()).conversations).toEqual([]);
});

const liveKitKey = { apiKey: "APIkey", apiSecret: "a-secret-of-livekit-for-tests-of-32-bytes" };

/** A webhook of LiveKit, signed as its server does: a token that holds the hash of the body. */
async function liveKitWebhook(event: object, apiSecret = liveKitKey.apiSecret) {
  const body = JSON.stringify({ id: "EV_1", createdAt: "1796040000", ...event });
  const token = new AccessToken(liveKitKey.apiKey, apiSecret);
  token.sha256 = createHash("sha256").update(body).digest("base64");
  const headers = {
    "content-type": "application/webhook+json",
    authorization: await token.toJwt(),
  };
  return [headers, body] as const;
}

test("examples/livekit-calls.ts reports a room as a call, which goes on once the assistant has joined", async () => {
  const { postrider, post, told } = await openWorld((assistantId) =>
    readLiveKit({ ...liveKitKey, assistantId }),
  );
  const room = { sid: "RM_0123456789ab", name: "call-1", creationTime: "1796040000" };
  for (const event of [
    { event: "room_started", room },
    {
      event: "participant_joined",
      room,
      participant: { sid: "PA_1", identity: "sip_1", kind: "SIP" },
    },
    {
      event: "participant_joined",
      room,
      participant: { sid: "PA_2", identity: "a", kind: "AGENT" },
    },
    { event: "track_published", room, track: { sid: "TR_1" } },
    { event: "room_finished", room },
    { event: "room_finished", room },
  ]) {
    expect(await post(...(await liveKitWebhook(event))), event.event).toBe(204);
  }
  expect(await told(4)).toEqual([
    "status-update queued",
    "status-update ongoing",
    "status-update finished",
    "end-of-call-report finished",
  ]);
  expect(await postrider.calls.get(callIdOf("phone", "livekit", room.sid))).toMatchObject({
    callType: "phone",
    metadata: { room: "call-1" },
  });
});

test("a webhook that LiveKit did not sign, or whose body is another one, is refused", async () => {
  const { postrider, post } = await openWorld((assistantId) =>
    readLiveKit({ ...liveKitKey, assistantId }),
  );
  const event = { event: "room_started", room: { sid: "RM_1", name: "call-1" } };
  const [headers, body] = await liveKitWebhook(event);
  expect(await post(headers, body.replace("RM_1", "RM_2"))).toBe(403);
  expect(await post({ "content-type": headers["content-type"] }, body)).toBe(403);
  expect(await post(...(await liveKitWebhook(event, "another-secret-of-32-bytes-or-more!")))).toBe(
    403,
  );
  expect((await postrider.calls.list()).conversations).toEqual([]);
});

const vapiCall = {
  call: { id: "7d3f6f0e-52a7-4f4e-9f1c-1a2b3c4d5e6f", type: "inboundPhoneCall" },
  customer: { number: "+493012345678" },
  phoneNumber: { number: "+493087654321" },
};
const vapiMessage = (message: object, secret = "vapi-secret") =>
  [
    { "content-type": "application/json", "x-vapi-secret": secret },
    JSON.stringify({ message: { timestamp: 1_796_040_000_000, ...vapiCall, ...message } }),
  ] as const;

test("examples/vapi-calls.ts reports status, what was said and the report, which waits for Vapi's", async () => {
  const { postrider, post, told, assistant } = await openWorld((assistantId) =>
    readVapi({ secret: "vapi-secret", assistantId }),
  );
  await postrider.assistants.update(assistant.id, { endReportWaitSeconds: 60 });
  const said = (role: string, transcript: string, timestamp: number, transcriptType = "final") => ({
    type: "transcript",
    role,
    transcript,
    transcriptType,
    timestamp,
  });
  for (const message of [
    { type: "status-update", status: "ringing" },
    { type: "status-update", status: "in-progress" },
    said("assistant", "Good morning!", 1_796_040_001_000),
    said("user", "I need", 1_796_040_002_000, "partial"),
    said("user", "I need an appointment.", 1_796_040_003_000),
    said("user", "I need an appointment.", 1_796_040_003_000),
    { type: "speech-update", status: "started", role: "user" },
    { type: "status-update", status: "ended", endedReason: "customer-ended-call" },
    {
      type: "end-of-call-report",
      endedReason: "customer-ended-call",
      durationSeconds: 61.5,
      cost: 0.12,
      costBreakdown: { stt: 0.02, llm: 0.1 },
      analysis: { summary: "An appointment.", successEvaluation: "true" },
      artifact: { recordingUrl: "https://recordings.example.com/1.wav" },
    },
  ]) {
    expect(await post(...vapiMessage(message))).toBe(204);
  }
  expect(await told(6)).toEqual([
    "status-update queued",
    "status-update ongoing",
    "conversation-update ongoing",
    "conversation-update ongoing",
    "status-update finished",
    "end-of-call-report finished",
  ]);
  expect(await postrider.calls.get(callIdOf("phone", "vapi", vapiCall.call.id))).toMatchObject({
    userNumber: "+493012345678",
    callEndTriggerBy: "customer-ended-call",
    assistantCallDuration: 61_500,
    cost: { total: 0.12, stt: 0.02, llm: 0.1 },
    recording: { url: "https://recordings.example.com/1.wav" },
    messages: [{ text: "Good morning!" }, { text: "I need an appointment." }],
  });
});

test("a message without Vapi's secret is refused", async () => {
  const { postrider, post } = await openWorld((assistantId) =>
    readVapi({ secret: "vapi-secret", assistantId }),
  );
  const message = { type: "status-update", status: "in-progress" };
  expect(await post(...vapiMessage(message, "vapi-secret2"))).toBe(403);
  expect((await postrider.calls.list()).conversations).toEqual([]);
  expect(isSecret("", "")).toBe(false);
  expect(isSecret(undefined, "secret")).toBe(false);
});

test("while the service does not answer, a platform gets 500, and may send its callback again", async () => {
  const postrider = new Postrider({ url: "http://127.0.0.1:1", apiKey: "prk_x", retriesMax: 0 });
  const url = await listen(
    serveCallbacks(postrider, readVapi({ secret: "s", assistantId: "0".repeat(24) })),
  );
  const [, body] = vapiMessage({ type: "status-update", status: "in-progress" });
  const answer = await fetch(url, { method: "POST", headers: { "x-vapi-secret": "s" }, body });
  expect(answer.status).toBe(500);
});
