import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Postrider } from "../src/index.ts";
import { encodeSecret, sign } from "../src/sign.ts";
import { json, scripted } from "./answers.ts";
import * as examples from "./examples.ts";

const read = (file: string) => readFileSync(new URL(file, import.meta.url), "utf8");
const readme = read("../README.md");

test("every example of the README stands in a file that is run", () => {
  const source = read("examples.ts");
  const fences = [...readme.matchAll(/^```ts\n(.*?)\n```$/gms)].map(([, text = ""]) => text);
  expect(fences.length).toBeGreaterThan(4);
  for (const fence of fences) expect(source).toContain(fence.replace(/^(?=.)/gm, "  "));
});

test("the README names every resource and method, and no other", () => {
  const client = new Postrider({ url: "https://postrider.test", apiKey: "k" });
  const own = Object.entries(client).filter(([name]) => name !== "buffer");
  for (const [resource, methods] of own) {
    const row = readme.split("\n").find((line) => line.startsWith(`| \`${resource}\` |`)) ?? "";
    const named = row.split("|")[2]?.match(/\w+(?=`)/g) ?? [];
    const events = (methods as { events?: object }).events ?? {};
    const all = [...Object.keys(methods as object), ...Object.keys(events)];
    expect(new Set(named)).toEqual(new Set(all));
  }
});

test("the examples do what they say", async () => {
  const { options, seen } = scripted(({ method, path, body }) => {
    if (path === "/v1/facts") {
      const results = body.facts.map((_: unknown, index: number) => ({
        index,
        status: "recorded",
      }));
      return json({ results });
    }
    if (path.startsWith("/workflows/v1/workflow-runs?")) return json({ runs: [{ id: "1" }] });
    if (path === "/v1/replays" && body.dry_run) return json({ matching: 1 });
    if (path === "/v1/replays/1") return json({ id: "1", state: "done", finished_at: "now" });
    if (method === "PATCH") return json({ code: "transition_refused", detail: "Over." }, 409);
    return json({ id: "1", secret: "whsec_1" });
  });
  const client = new Postrider(options);
  expect(await examples.subscribe(client)).toBe("whsec_1");
  await examples.reportRun(client, "1");
  expect(await examples.reportRunAgain(client, "1", "6b0172a84f1c2b7d9e0a1b2d")).toBe("10:30");
  await examples.reportCall(client, "1");
  expect(await examples.failedRuns(client)).toEqual(["1"]);
  expect(await examples.getBackWhatWasMissed(client, "1", "2026-11-21T10:30:00Z")).toMatchObject({
    state: "done",
  });
  expect(await examples.explain(client, "1")).toBe("Over.");
  const types = seen.flatMap(({ body }) => body?.facts ?? []).map(({ type }) => type);
  expect(types.filter((type) => type === "step.completed")).toHaveLength(3);
  expect(types.at(-1)).toBe("call.ended");

  const bytes = Buffer.alloc(32, 7);
  const now = Math.floor(Date.now() / 1000);
  const ended = '{"action":"workflow_run_completed","run":{"duration_ms":812}}';
  const request = new Request("https://example.com", {
    method: "POST",
    body: ended,
    headers: {
      "webhook-id": "event_1",
      "webhook-timestamp": String(now),
      "webhook-signature": sign(bytes, "event_1", now, Buffer.from(ended)),
    },
  });
  expect(await examples.receive(request, encodeSecret(bytes))).toBe(812);
});
