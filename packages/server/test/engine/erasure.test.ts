import { expect, test } from "vitest";
import { eraseCall, eraseRun } from "../../src/actions/erase-subject.ts";
import { eraseTeam } from "../../src/actions/erase-team.ts";
import { newId } from "../../src/ids.ts";
import { makeAssistant, say, startCall } from "../support/calls.ts";
import { tablesWith } from "../support/dump.ts";
import { type House, openHouse, until } from "../support/house.ts";

const word = "kanarienvogel";

const erasing = ({ database, teamId }: House, action: "run.erased" | "call.erased") => ({
  database,
  audit: { teamId, actorId: "system", requestId: "req_test", action },
});

test("the result of an attempt for an erased run's event is not recorded, and nothing waits for it", async () => {
  const house = await openHouse();
  await house.subscribe({ events: ["workflow_run_started"] });
  house.receiver.answerBy(() => ({ status: 500, body: `heard ${word}` }));
  const answer = house.receiver.hold();
  const runId = await house.startRun(await house.workflow());
  await house.receiver.received(1);

  await eraseRun(erasing(house, "run.erased"), { teamId: house.teamId, id: runId });
  answer();
  await until("the attempt has ended", () => house.dispatcher.inFlight === 0);
  await house.recorder.idle();
  expect(await house.attempts()).toEqual([]);
  expect(await house.deliveries()).toEqual([]);
  expect(await tablesWith(house.database, word)).toEqual([]);
  expect(house.receiver.requests).toHaveLength(1);
  expect(house.leasesLost).toHaveLength(1);
  expect(house.errors).toEqual([]);
});

test("erased while its results are being written, a run leaves no attempt behind, whichever comes first", async () => {
  const house = await openHouse({ concurrency: 64, subscriptionConcurrency: 64 });
  await house.subscribe({ events: ["workflow_run_started"], maxRetries: 0 });
  house.receiver.answerBy(() => ({ status: 500, body: word }));
  const workflowId = await house.workflow();
  const play = async () => {
    const id = await house.startRun(workflowId);
    await eraseRun(erasing(house, "run.erased"), { teamId: house.teamId, id });
  };
  for (let round = 0; round < 10; round++) {
    await Promise.all(Array.from({ length: 20 }, play));
  }
  await until("nothing is in flight", () => house.dispatcher.inFlight === 0);
  await house.recorder.idle();
  expect(await house.attempts()).toEqual([]);
  expect(await house.events()).toEqual([]);
});

test("an erased call's messages that wait their turn are not sent, and other calls go on", async () => {
  const house = await openHouse();
  const assistantId = await makeAssistant(house, { messages: ["conversation-update"] });
  const answer = house.receiver.hold();
  const [erased, other] = [
    await startCall(house, assistantId),
    await startCall(house, assistantId),
  ];
  await say(house, erased, "user", `${word} one`);
  await house.receiver.received(1);
  await say(house, erased, "assistant", `${word} two`);
  await eraseCall(erasing(house, "call.erased"), { teamId: house.teamId, id: erased });
  answer();
  await say(house, other, "user", "still here");
  await house.drain();
  const bodies = house.receiver.requests.map(({ body }) => body.toString());
  expect(bodies.filter((body) => body.includes("two"))).toEqual([]);
  expect(bodies.filter((body) => body.includes("still here"))).toHaveLength(1);
  expect(await tablesWith(house.database, word)).toEqual([]);
});

test("a team that is erased while its deliveries are on the wire leaves nothing behind", async () => {
  const house = await openHouse();
  await house.subscribe({ events: ["workflow_created"] });
  house.receiver.answerBy(() => ({ status: 200, body: word }));
  const answer = house.receiver.hold();
  for (let count = 0; count < 5; count++) await house.workflow({ description: word });
  await house.receiver.received(4);
  expect(await eraseTeam(house, house.teamId, newId())).toBe(true);
  answer();
  await until("nothing is in flight", () => house.dispatcher.inFlight === 0);
  await house.recorder.idle();
  expect(await tablesWith(house.database, word)).toEqual([]);
  // What is left under hot leases is ids, until they run out.
  await house.passTime("76 seconds");
  expect(await tablesWith(house.database, house.teamId)).toEqual(["erasures", "teams"]);
});
