import { expect, test } from "vitest";
import type { DeliverySought } from "../src/api/deliveries.ts";
import { matches } from "../src/live/matches.ts";
import { aDelivery } from "./support/a-delivery.ts";

const step = aDelivery({ step_id: "check", error_code: "timeout", status: "failed" });

test.each<[DeliverySought, boolean]>([
  [{}, true],
  [{ status: [] }, true],
  [{ status: ["failed", "retrying"] }, true],
  [{ status: ["delivered"] }, false],
  [{ endpoint_id: [step.endpoint_id] }, true],
  [{ endpoint_id: ["6b0d00000000000000000bad"] }, false],
  [{ contract: ["organisation"] }, false],
  [{ event_type: ["workflow_run_started"] }, true],
  [{ event_id: ["event_other"] }, false],
  [{ error_code: ["timeout"] }, true],
  [{ error_code: ["dns_error"] }, false],
  [{ subject_id: step.workflow_id ?? "" }, true],
  [{ subject_id: step.run_id ?? "" }, true],
  [{ subject_id: `${step.run_id}:check` }, true],
  [{ subject_id: `${step.run_id}:other` }, false],
  [{ subject_id: "check" }, false],
  [{ from: step.created_at }, true],
  [{ to: step.created_at }, false],
  [{ from: "2026-11-30T11:00:00.001+01:00" }, false],
  [{ from: "2026-11-30T11:00:00+01:00" }, true],
])("the page filters %j as the API does: %s", (sought, expected) => {
  expect(matches(sought, step)).toBe(expected);
});

test("a delivery without an error matches no error code", () => {
  expect(matches({ error_code: ["timeout"] }, aDelivery())).toBe(false);
});
