import http from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { AppError } from "../../src/errors.ts";
import { openTracing } from "../../src/tracing.ts";
import { openHouse } from "../support/house.ts";

const trace = "0af7651916cd43dd8448eb211c80319c";
const parent = "b7ad6b7169203331";
const sampled = `00-${trace}-${parent}-01`;
const named = { name: "a workflow", description: null, configuration: null, settings: null };

type Attribute = { key: string; value: Record<string, unknown> };
type Span = {
  name: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  attributes: Attribute[];
  status?: { code?: number };
};

/** A collector of OTLP over HTTP that keeps what it gets. */
async function openCollector() {
  const spans: Span[] = [];
  const services = new Set<string>();
  const server = http.createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (request.url === "/v1/traces") {
      for (const { resource, scopeSpans } of JSON.parse(Buffer.concat(chunks).toString())
        .resourceSpans) {
        services.add(attributeOf(resource.attributes, "service.name") as string);
        for (const one of scopeSpans) spans.push(...one.spans);
      }
    }
    response.writeHead(200, { "content-type": "application/json" }).end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { endpoint, spans, services };
}

function attributeOf(attributes: readonly Attribute[], key: string): unknown {
  const value = attributes.find((one) => one.key === key)?.value;
  return value && Object.values(value)[0];
}

async function setup() {
  const collector = await openCollector();
  const tracing = openTracing({
    endpoint: collector.endpoint,
    headers: { "x-key": "k" },
    version: "1.2.3",
  });
  const house = await openHouse({ tracing });
  const subscription = await house.subscribe({ events: ["workflow_created"] });
  return { collector, tracing, house, subscription };
}

test("a collector gets spans of the record, the claim and the attempts, in the report's trace, each a child of the one before", async () => {
  const { collector, tracing, house, subscription } = await setup();
  house.receiver.answerWith(500, 200);
  const workflowId = "0123456789abcdef01234567";
  await house.record({ type: "workflow.created", workflowId, data: named, trace: sampled });
  await house.drain();
  await tracing.close();

  const { spans, services } = collector;
  expect([...services]).toEqual(["postrider"]);
  const [record] = spans.filter(({ name }) => name === "record");
  expect(record).toMatchObject({ traceId: trace, parentSpanId: parent });
  const attempts = spans.filter(({ name }) => name === "attempt");
  expect(attempts).toHaveLength(2);
  for (const attempt of attempts) {
    expect(attempt).toMatchObject({ traceId: trace, parentSpanId: record?.spanId });
  }
  // What the receiver was told is the span that the collector knows.
  const sent = house.receiver.requests.map(({ headers }) => headers.traceparent);
  expect(sent).toEqual(attempts.map(({ spanId }) => `00-${trace}-${spanId}-01`));
  expect(
    attempts.map(({ attributes }) => attributeOf(attributes, "http.response.status_code")),
  ).toEqual(["500", "200"]);
  expect(attempts.map(({ status }) => status?.code ?? 0)).toEqual([2, 0]);
  const told = [
    "http.request.method",
    "server.address",
    "postrider.team_id",
    "postrider.endpoint_id",
  ];
  for (const { attributes } of attempts) {
    expect(told.map((key) => attributeOf(attributes, key))).toEqual([
      "POST",
      new URL(house.receiver.origin).host,
      house.teamId,
      subscription.id,
    ]);
  }
  // The first attempt was hot; the second had to be claimed.
  expect(spans.filter(({ name }) => name === "claim").length).toBeGreaterThanOrEqual(1);
});

test("receivers get no trace without one in the report, and a refused report is a span with an error", async () => {
  const { collector, tracing, house } = await setup();
  const workflowId = "0123456789abcdef01234567";
  await house.record({ type: "workflow.created", workflowId, data: named });
  await house.drain();
  const unknown = house.record({ type: "workflow.deleted", workflowId: "f".repeat(24) });
  await expect(unknown).rejects.toThrow(AppError);
  await tracing.close();
  expect(house.receiver.requests.map(({ headers }) => headers.traceparent)).toEqual([undefined]);
  const refused = collector.spans.filter(({ status }) => status?.code === 2);
  expect(
    refused.map(({ name, attributes }) => [name, attributeOf(attributes, "error.type")]),
  ).toEqual([["record", "not_found"]]);
});

test("a trace that is not sampled is passed on, and the collector gets no span", async () => {
  const { collector, tracing, house } = await setup();
  const unsampled = `00-${trace}-${parent}-00`;
  const workflowId = "0123456789abcdef01234567";
  await house.record({ type: "workflow.created", workflowId, data: named, trace: unsampled });
  await house.drain();
  await tracing.close();
  expect(house.receiver.requests[0]?.headers.traceparent).toMatch(
    new RegExp(`^00-${trace}-[0-9a-f]{16}-00$`),
  );
  expect(collector.spans.filter(({ traceId }) => traceId === trace)).toEqual([]);
});

test("a collector that is away holds nothing up, and the end waits for it for seconds at the most", async () => {
  const tracing = openTracing({ endpoint: "http://127.0.0.1:1", headers: {}, version: "1" });
  const house = await openHouse({ tracing });
  await house.subscribe({ events: ["workflow_created"] });
  await house.workflow();
  await house.drain();
  expect((await house.delivery()).status).toBe("delivered");
  const startedAtMs = performance.now();
  await tracing.close();
  expect(performance.now() - startedAtMs).toBeLessThan(7_000);
});
