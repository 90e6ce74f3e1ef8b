import type { LeasedDelivery } from "../domain/delivery.ts";
import { type AttemptResult, errorCode, type Outcome } from "../domain/outcome.ts";
import { publicEventId } from "../ids.ts";
import type { OpenSpan } from "../tracing.ts";
import type { Target } from "./targets.ts";

/** Ends an attempt's span with its result: only our own names and numbers, and the receiver's host. */
export function endSpan(
  span: OpenSpan,
  {
    delivery,
    target,
    result,
    outcome,
  }: { delivery: LeasedDelivery; target: Target; result: AttemptResult; outcome: Outcome },
): void {
  span.end(
    {
      "http.request.method": "POST",
      "server.address": target.origin.replace(/^https?:\/\//, ""),
      ...(result.kind === "responded" && { "http.response.status_code": result.status }),
      "postrider.team_id": delivery.teamId,
      "postrider.endpoint_id": delivery.subscriptionId,
      "postrider.event_id": publicEventId(delivery.eventId),
      "postrider.event_type": delivery.eventType,
      "postrider.delivery_id": delivery.id,
      "postrider.attempt": delivery.attemptNumber,
      "postrider.outcome": outcome.kind,
    },
    errorCode(result),
  );
}
