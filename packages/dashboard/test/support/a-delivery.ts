import type { Delivery } from "@postrider/sdk";

/** A delivery as lists show it, delivered at the first attempt unless told otherwise. */
export const aDelivery = (told: Partial<Delivery> = {}): Delivery => ({
  id: "6b0d00000000000000000001",
  endpoint_id: "6b0d0000000000000000e001",
  contract: "workflow",
  event_type: "workflow_run_started",
  event_id: "event_6b01200f-a9f6-8a2c-92d8-19fbcd6334f5",
  test: false,
  status: "delivered",
  attempts_count: 1,
  status_code: 200,
  error_code: null,
  duration_ms: 9,
  workflow_id: "6b0d0000000000000000a001",
  run_id: "6b0d0000000000000000b001",
  step_id: null,
  call_id: null,
  message_id: null,
  assistant_id: null,
  created_at: "2026-11-30T10:00:00.000Z",
  updated_at: "2026-11-30T10:00:00.100Z",
  next_attempt_at: null,
  delivered_at: "2026-11-30T10:00:00.100Z",
  ...told,
});
