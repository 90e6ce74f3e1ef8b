import type { DeliveryDetails, Endpoint } from "@postrider/sdk";
import type { Scope } from "./tool.ts";

/** What to look at, by the error code of a delivery or of its last attempt. */
export const adviceByErrorCode: Readonly<Record<string, string>> = {
  http_status: "The receiver took the request and refused it: what it answered says why.",
  redirect:
    "The receiver answered with a redirect, which is never followed: correct the endpoint's URL.",
  timeout:
    "The receiver was too slow: it should store the event and answer at once. The timing says at which part the time went.",
  dns_error: "The host name of the URL could not be looked up: check the name and its DNS zone.",
  blocked_address:
    "The host name leads to an address that may not be delivered to, such as a private one: only the operator can allow it.",
  blocked_url: "The URL may not be delivered to: correct it.",
  blocked_header: "One of the endpoint's own headers cannot be sent: correct it.",
  connect_refused: "Nothing listens at the receiver's address and port: is it running?",
  connection_reset: "The receiver, or something before it, broke the connection off.",
  connection_closed: "The receiver, or something before it, closed the connection early.",
  connection_failed: "No connection came about: a matter of the network between the two.",
  proxy_error: "The operator's egress proxy did not let the request through.",
  tls_error:
    "No secure connection came about: an expired certificate, a wrong name in it, or a missing intermediate one.",
  protocol_error: "The answer is not valid HTTP/1.1: something between must be mended.",
  headers_too_large: "The head of the answer is larger than 16 KiB.",
  decrypt_failed:
    "The service could not open the endpoint's secrets: the operator's encryption key is missing.",
  unknown_outcome:
    "The process was lost during the attempt: whether the receiver got the request is not known.",
  crash_loop: "Three processes were lost during its attempts: the operator has to look at the log.",
  expired: "It waited too long for its endpoint to become well again.",
  payload_expired: "Its payload is not kept any more: it cannot be delivered again.",
  subscription_deleted: "Its endpoint was deleted: it cannot be delivered again.",
  listener_gone: "The listener that was to answer it was not there.",
};

/** Lists what to do about a delivery that failed, most important first. */
export function advise(
  { id, status, error_code, test }: DeliveryDetails,
  endpoint: Endpoint | undefined,
  scopes: ReadonlySet<Scope>,
): string[] {
  if (status === "delivered") return ["Nothing: it was delivered in the end."];
  const advice = [adviceByErrorCode[error_code ?? ""]];
  if (!endpoint) return listed(advice);
  const { enabled, disabled_reason, health } = endpoint;
  if (!enabled) {
    const why = disabled_reason === "failing" ? "because it failed for too long" : "by a person";
    advice.push(`The endpoint was disabled ${why}: a person has to enable it first.`);
    return listed(advice);
  }
  if (health.breaker !== "closed") {
    advice.push(
      `The endpoint fails, so one delivery at a time is tried (next at ${health.next_probe_at}); the others wait and go on with the first success.`,
    );
  }
  if (test) return listed([...advice, "It is a test event: send another once this is mended."]);
  if (!scopes.has("write")) {
    return listed([...advice, "This key may not deliver again: that needs the scope write."]);
  }
  advice.push(`Once the cause is mended, deliver it again: retry_delivery with delivery_id=${id}.`);
  if (status === "failed" && health.state === "failing") {
    advice.push(
      `To get back all that failed: replay_deliveries with endpoint=${endpoint.id} and from=${health.since}.`,
    );
  }
  return listed(advice);
}

const listed = (advice: readonly (string | undefined)[]): string[] =>
  advice.filter((one) => one !== undefined);
