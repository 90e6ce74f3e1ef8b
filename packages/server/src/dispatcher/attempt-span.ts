import type { LeasedDelivery } from "../domain/delivery.ts";
import { type AttemptResult, errorCode, type Outcome } from "../domain/outcome.ts";
import { publicEventId } from "../ids.ts";
import { type OpenSpan, type SharedAttributes, shareAttributes } from "../tracing.ts";
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
  if (!span.recorded) return;
  span.end(
    {
      // An object that begins with a spread would take twice as long.
      "http.response.status_code": result.kind === "responded" ? result.status : undefined,
      "postrider.event_id": publicEventId(delivery.eventId),
      "postrider.event_type": delivery.eventType,
      "postrider.delivery_id": delivery.id,
      "postrider.attempt": delivery.attemptNumber,
      "postrider.outcome": outcome.kind,
    },
    errorCode(result),
    sharedOf(target, delivery),
  );
}

const shared = new WeakMap<Target, SharedAttributes>();

/** The attributes of all attempts at a target, which belongs to one endpoint. */
function sharedOf(
  target: Target,
  { teamId, subscriptionId }: Pick<LeasedDelivery, "teamId" | "subscriptionId">,
): SharedAttributes {
  let known = shared.get(target);
  if (!known) {
    known = shareAttributes({
      "http.request.method": "POST",
      "server.address": target.origin.replace(/^https?:\/\//, ""),
      "postrider.team_id": teamId,
      "postrider.endpoint_id": subscriptionId,
    });
    shared.set(target, known);
  }
  return known;
}
