import { expect, test } from "vitest";
import { openHouse } from "../support/house.ts";

const trace = "0af7651916cd43dd8448eb211c80319c";
const parent = "b7ad6b7169203331";
const context = `00-${trace}-${parent}-01 vendor=state`;

const named = { name: "a workflow", description: null, configuration: null, settings: null };

test("each attempt goes on with the trace of the report under a span of its own, hot, claimed and made again; without one there is none", async () => {
  const house = await openHouse();
  await house.subscribe({ events: ["workflow_created"] });
  house.receiver.answerWith(500, 200, 200, 200);
  const report = (workflowId: string, told: { trace?: string }) =>
    house.record({ type: "workflow.created", workflowId, data: named, ...told });
  await report("0123456789abcdef01234567", { trace: context });
  await house.drain();
  await report("0123456789abcdef01234568", {});
  await house.drain();

  const sent = house.receiver.requests.map(({ headers }) => headers);
  expect(sent).toHaveLength(3);
  const [first, second, untraced] = sent;
  const pattern = new RegExp(`^00-${trace}-([0-9a-f]{16})-01$`);
  const spans = [first, second].map((headers) => pattern.exec(String(headers?.traceparent))?.[1]);
  expect(new Set([parent, ...spans]).size).toBe(3);
  expect(spans).not.toContain(undefined);
  expect([first?.tracestate, second?.tracestate]).toEqual(["vendor=state", "vendor=state"]);
  expect(untraced).not.toHaveProperty("traceparent");
  expect(untraced).not.toHaveProperty("tracestate");
});

test("the runs that the end of a workflow cancels go on with the trace of its report", async () => {
  const house = await openHouse();
  const workflowId = await house.workflow();
  const runId = await house.startRun(workflowId);
  await house.subscribe({ events: ["workflow_run_completed", "workflow_deleted"] });
  await house.record({ type: "workflow.deleted", workflowId, trace: context });
  await house.drain();
  const bodies = house.receiver.requests.map(({ body }) => body.toString());
  expect(bodies.some((body) => body.includes(runId))).toBe(true);
  for (const { headers } of house.receiver.requests) expect(headers.traceparent).toContain(trace);
});
