import { expect, onTestFinished, test } from "vitest";
import { openTestApi, type TestApiOptions } from "../support/api.ts";

async function setup(options?: TestApiOptions) {
  const api = await openTestApi(options);
  onTestFinished(() => api.close());
  return api;
}

test("a process that runs says so to anybody", async () => {
  const api = await setup();
  const answer = await api.call("GET", "/livez", { key: null });
  expect(answer.status).toBe(200);
  expect(answer.body).toEqual({ status: "ok" });
  expect((await api.call("HEAD", "/livez", { key: null })).text).toBe("");
});

test("a process that is not ready says why, in a problem document", async () => {
  const api = await setup({
    deps: { notReadyReason: async () => "The schema is not migrated." },
  });
  const answer = await api.call("GET", "/readyz", { key: null });
  expect(answer.status).toBe(503);
  expect(answer.body).toMatchObject({
    code: "not_ready",
    detail: "The schema is not migrated.",
  });
  expect((await api.call("GET", "/livez", { key: null })).status).toBe(200);
});

test("metrics count requests by route and never name a team or an id", async () => {
  const api = await setup();
  await api.call("GET", "/readyz");
  const { text, headers } = await api.call("GET", "/metrics", { key: null });
  expect(headers["content-type"]).toBe("text/plain; version=0.0.4; charset=utf-8");
  expect(text).toContain(
    'postrider_api_requests_total{method="GET",route="/readyz",status="200"} 1\n',
  );
  expect(text).toContain(
    'postrider_api_request_seconds_bucket{method="GET",route="/readyz",le="+Inf"} 1\n',
  );
  expect(text).not.toContain(api.teamId);
});
