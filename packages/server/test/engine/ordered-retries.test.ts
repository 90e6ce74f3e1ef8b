import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { retryDelivery } from "../../src/actions/redeliver.ts";
import { claimDueOfAllTeams } from "../../src/db/claims.ts";
import { leaseMs } from "../../src/domain/delivery.ts";
import { makeAssistant, say, serverMessages, startCall, told } from "../support/calls.ts";
import { type House, openHouse, until } from "../support/house.ts";

/** A person asks for a delivery again. */
async function retry(house: House, deliveryId: string | undefined) {
  const { teamId, database } = house;
  const audit = {
    teamId,
    actorId: "somebody",
    requestId: "",
    action: "delivery.redelivered",
  } as const;
  const wish = { teamId, deliveryId: deliveryId ?? "", actor: "somebody" };
  return await retryDelivery({ database, audit }, wish);
}

const finished = (house: House) =>
  until("all have ended", async () =>
    (await house.deliveries()).every(({ finished_at }) => finished_at !== null),
  );

test("invariant 6: a message that failed is sent once more for each time that a person asks, and not by itself", async () => {
  const house = await openHouse();
  const assistantId = await makeAssistant(house);
  house.receiver.answerWith(500, 503, 200);
  const callId = await startCall(house, assistantId);
  await told(house.receiver, callId, 1);
  await house.settled();
  const [message] = await house.deliveries();

  for (const status of ["failed", "delivered", "delivered"]) {
    await retry(house, message?.id);
    await house.settled();
    await house.passTime("1 day");
    await house.settled();
    expect((await house.deliveries())[0]).toMatchObject({ status, lease_token: null });
  }
  expect(house.receiver.requests).toHaveLength(4);
  const attempts = await house.attempts(message?.id);
  expect(attempts.map(({ manual }) => manual)).toEqual([false, true, true, true]);
  expect(attempts.some(({ will_retry }) => will_retry)).toBe(false);
  const ids = house.receiver.requests.map(({ headers }) => headers["webhook-id"]);
  expect(new Set(ids).size).toBe(1);
});

test("a message that is asked for again goes out before those of its call that wait, and other calls do not wait", async () => {
  const house = await openHouse({ started: false, hot: false });
  const assistantId = await makeAssistant(house);
  const callId = await startCall(house, assistantId);
  house.dispatcher.start();
  await told(house.receiver, callId, 1);
  await finished(house);
  const [first] = await house.deliveries();
  await house.dispatcher.close();

  await say(house, callId, "user");
  await retry(house, first?.id);
  const other = await startCall(house, assistantId);
  house.openProcess({ started: true });
  await told(house.receiver, callId, 3);
  await told(house.receiver, other, 1);
  await finished(house);
  const types = serverMessages(house.receiver)
    .filter(({ call }) => call.id === callId)
    .map(({ type }) => type);
  expect(types).toEqual(["status-update", "status-update", "conversation-update"]);
});

test("invariant 6: an attempt that a person asked for and that is lost with its process is not sent again, until asked for", async () => {
  const house = await openHouse({ started: false, hot: false });
  const assistantId = await makeAssistant(house);
  const callId = await startCall(house, assistantId);
  const claim = () =>
    claimDueOfAllTeams(
      house.database.sql,
      [{ subscriptionId: assistantId, limit: 10, leaseMs: leaseMs(20), kind: "ordered" }],
      { leaseToken: randomUUID(), payloadBytesMax: 1_000_000 },
    );
  const [message] = await house.deliveries();
  // Lost twice: the first attempt, and the one that was asked for.
  for (const attempts of [1, 2]) {
    expect(await claim()).toMatchObject([{ attemptNumber: attempts, ordered: true }]);
    await expect(retry(house, message?.id)).rejects.toMatchObject({ code: "delivery_in_flight" });
    await house.passTime("40 seconds");
    await expect(retry(house, message?.id)).rejects.toMatchObject({ code: "delivery_in_flight" });
    expect(await claim()).toEqual([]);
    expect((await house.deliveries())[0]).toMatchObject({
      status: "failed",
      last_error: "unknown_outcome",
      attempt_count: attempts,
    });
    await retry(house, message?.id);
  }
  house.dispatcher.start();
  await told(house.receiver, callId, 1);
  await finished(house);
  expect((await house.deliveries())[0]).toMatchObject({ status: "delivered", attempt_count: 3 });
  expect(house.receiver.requests).toHaveLength(1);
});

test("a message whose time was over before its first attempt cannot be asked for again", async () => {
  const house = await openHouse({ started: false, hot: false });
  const assistantId = await makeAssistant(house);
  await startCall(house, assistantId);
  const [message] = await house.deliveries();
  await house.database.sql`
    update deliveries set status = 'failed', finished_at = now(), due_at = null,
      last_error = 'payload_expired'`;
  await expect(retry(house, message?.id)).rejects.toMatchObject({ code: "payload_gone" });
});
