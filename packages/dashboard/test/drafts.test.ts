import { expect, test } from "vitest";
import { assistantBodyOf, assistantDraftOf } from "../src/pages/assistants/assistant-draft.ts";
import { bodyOf, draftOf } from "../src/pages/endpoint/draft.ts";
import { endpointIdsOf, filterWords, workflowIdsOf } from "../src/pages/replays/filter-words.ts";

const webhook = {
  id: "1",
  name: "Billing",
  url: "https://a.example",
  actions: ["workflow_created"],
  enabled: true,
  disabled_reason: null,
  has_bearer_token: true,
  timeout_seconds: 5,
  max_retries: 2,
  retry_backoff_seconds: 7,
  header_names: ["x-team"],
  created_at: "",
  updated_at: "",
};

test("saving a form that nobody touched keeps token and headers as they are", () => {
  expect(bodyOf("workflow", draftOf(webhook), true)).toEqual({
    name: "Billing",
    url: "https://a.example",
    actions: ["workflow_created"],
    timeout_seconds: 5,
    max_retries: 2,
    retry_backoff_seconds: 7,
  });
});

test("a secret is replaced or cleared in each contract's own words", () => {
  const draft = { ...draftOf(webhook), clearsSecret: true };
  expect(bodyOf("workflow", draft, true)).toMatchObject({ clear_bearer_token: true });
  expect(bodyOf("organisation", draft, true)).toMatchObject({ secret: null, events: draft.events });
  expect(bodyOf("workflow", { ...draft, secret: "new" }, true)).toMatchObject({
    bearer_token: "new",
  });
  expect(bodyOf("workflow", { ...draft, secret: "new" }, true)).not.toHaveProperty(
    "clear_bearer_token",
  );
});

test("an operational webhook has contract A's words, and says whether it hears of all teams", () => {
  expect(bodyOf("operational", { ...draftOf(webhook), allTeams: true }, true)).toMatchObject({
    actions: ["workflow_created"],
    max_retries: 2,
    all_teams: true,
  });
  expect(bodyOf("workflow", draftOf(webhook), true)).not.toHaveProperty("all_teams");
});

test("headers that were typed replace all others; rows without a name are none", () => {
  const headers = [
    { key: 1, name: " x-a ", value: "1" },
    { key: 2, name: "", value: "2" },
  ];
  expect(bodyOf("workflow", { ...draftOf(webhook), headers }, true)).toMatchObject({
    headers: { "x-a": "1" },
  });
});

test("what is no number goes as it was typed, so that the API can say what is wrong with it", () => {
  expect(bodyOf("workflow", { ...draftOf(undefined), timeout: "soon" }, false)).toMatchObject({
    timeout_seconds: "soon",
  });
});

test("an assistant's form begins with the usual time-out and says all of its server", () => {
  const draft = {
    ...assistantDraftOf(undefined),
    name: "Reception",
    url: " https://a.example ",
    messages: ["hang"],
  };
  expect(assistantBodyOf(draft)).toEqual({
    name: "Reception",
    assistantServer: {
      enabled: true,
      url: "https://a.example",
      timeoutSeconds: 20,
      messages: ["hang"],
    },
  });
});

test("a replay says which deliveries it has", () => {
  const filter = {
    endpoint_id: ["e1"],
    from: "2026-11-30T10:41:07.000Z",
    event_type: "hang",
  } as const;
  expect(filterWords({ ...filter, endpoint_id: ["e1"] }, "failed", () => "Billing system")).toBe(
    "Failed deliveries to Billing system from 2026-11-30 10:41:07 of hang",
  );
  const ofWorkflow = { subscription_id: "e1", workflow_id: "w1" };
  const names: Record<string, string> = { e1: "Billing system", w1: "Patient intake" };
  expect(filterWords(ofWorkflow, "all", (id) => names[id] ?? id)).toBe(
    "Deliveries that ended to Billing system about Patient intake",
  );
  expect([endpointIdsOf(ofWorkflow), workflowIdsOf(ofWorkflow)]).toEqual([["e1"], ["w1"]]);
  expect(endpointIdsOf({ endpoint_id: ["e1", "e2"] })).toEqual(["e1", "e2"]);
});
