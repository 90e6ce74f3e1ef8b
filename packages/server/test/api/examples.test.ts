import { expect, onTestFinished, test } from "vitest";
import { openFactsApi } from "../support/facts.ts";
import { furnish, type Names } from "../support/furnish.ts";

type Parameter = { name?: string; in?: string; example?: string; schema?: { pattern?: string } };
type Media = { example?: unknown; examples?: Record<string, { value: unknown }> };
type Described = {
  operationId: string;
  parameters?: Parameter[];
  requestBody?: { required: boolean; content: Record<string, Media> };
};
type Example = { operation: string; method: string; path: string; type: string; body: unknown };

/** Never ends by itself; delivery-stream.test.ts reads it. */
const endless = ["streamDeliveries"];

/** What ends or takes away what others need comes after them, in this order. */
const last = ["updateWebhook", "reportFacts", "endConversation", "updateRun"];
const veryLast = ["endSessions", "revokeApiKey", "eraseTeam"];

/** Reading first, then changing, then taking away. */
function rank({ method, operation }: Example): number {
  if (veryLast.includes(operation)) return 100 + veryLast.indexOf(operation);
  if (method === "DELETE") return 50;
  if (last.includes(operation)) return 10 + last.indexOf(operation);
  return method === "GET" ? 0 : 1;
}

async function describeExamples() {
  const api = await openFactsApi();
  onTestFinished(() => api.close());
  const { body: document } = await api.call("GET", "/openapi.json", { key: null });
  const paths = document.paths as Record<string, Record<string, Described>>;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, one]) => ({
      path,
      method: method.toUpperCase(),
      ...one,
    })),
  );
  return { api, operations };
}

/** The example with the ids of what there is in place of made-up ones. */
function withIds(example: unknown, names: Names): unknown {
  return JSON.parse(
    JSON.stringify(example, (key, value) => {
      const name = key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      if (typeof value === "string") return names[name]?.[0] ?? value;
      const [one] = names[name.replace(/s$/, "")] ?? [];
      return Array.isArray(value) && one !== undefined ? [one] : value;
    }),
  );
}

test("each parameter of a path has an example that its own pattern takes", async () => {
  const { operations } = await describeExamples();
  const parameters = operations.flatMap(({ operationId, parameters = [] }) =>
    parameters.filter((one) => one.in === "path").map((one) => ({ operationId, ...one })),
  );
  expect(parameters.length).toBeGreaterThan(40);
  for (const { operationId, name, example, schema } of parameters) {
    const about = `${operationId} ${name}`;
    expect(example, about).toEqual(expect.any(String));
    expect(example, about).toMatch(new RegExp(schema?.pattern ?? ""));
  }
});

test("every operation works with its example", {
  timeout: 120_000,
}, async () => {
  const { api, operations } = await describeExamples();
  const names = await furnish(api, { teamId: api.teamId, key: api.key, secret: "example" });
  const examples = operations.flatMap(({ operationId, method, path, requestBody }): Example[] => {
    const filled = path.replaceAll(/\{(\w+)\}/g, (_, name) =>
      encodeURIComponent(names[name]?.[0] ?? ""),
    );
    const one = { operation: operationId, method, path: filled };
    if (!requestBody) return [{ ...one, type: "", body: undefined }];
    return Object.entries(requestBody.content).flatMap(([type, { example, examples = {} }]) =>
      [example, ...Object.values(examples).map(({ value }) => value)]
        .filter((body) => body !== undefined)
        .map((body) => ({ ...one, type, body: withIds(body, names) })),
    );
  });
  expect(new Set(examples.map(({ operation }) => operation)).size).toBe(operations.length);
  const refused: Record<string, string> = {};
  for (const one of examples.sort((a, b) => rank(a) - rank(b))) {
    if (endless.includes(one.operation)) continue;
    const answer = await api.call(one.method, one.path, {
      ...(one.body === undefined ? {} : { body: one.body, headers: { "content-type": one.type } }),
    });
    const code = answer.body?.code ?? answer.body?.results?.[0]?.error?.code;
    if (answer.status >= 300 || code)
      refused[one.operation] = `${answer.status} ${code} ${answer.text.slice(0, 200)}`;
  }
  expect(refused).toEqual({});
});
