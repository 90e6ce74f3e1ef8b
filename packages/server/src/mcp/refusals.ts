import { ApiError, ConnectionError } from "@postrider/sdk";
import { ToolRefusal } from "./tool.ts";

/** How long one call of a tool may take. */
export const callMsMax = 25_000;

/** Says in a sentence or two what went wrong and what to do; undefined for a bug. */
export function explainRefusal(error: unknown): string | undefined {
  if (error instanceof ToolRefusal) return error.message;
  if (error instanceof ApiError) return explainAnswer(error);
  if (error instanceof ConnectionError) {
    return "The Postrider service did not answer. What was asked for may have been done: look before you ask again.";
  }
  if (error instanceof Error && error.name === "TimeoutError") {
    return `The call was given up after ${callMsMax / 1_000} seconds. What was asked for may have been done: look before you ask again, and ask for less at once.`;
  }
  return undefined;
}

function explainAnswer({ code, status, detail, errors, requestId }: ApiError): string {
  const faults = errors.slice(1, 5).map(({ loc, msg }) => ` ${loc.slice(1).join(".")} ${msg}.`);
  const advice = advices[code] ?? ` read_docs with page "errors" and section "${code}" says more.`;
  const request = status >= 500 && requestId !== undefined ? ` (request ${requestId})` : "";
  return `${detail}${faults.join("")} [${code}]${request}${advice}`;
}

/** What to do about the most frequent refusals. */
const advices: Readonly<Record<string, string>> = {
  not_found:
    " There is no such thing in this team. list_deliveries and get_endpoint show the ids that there are.",
  unauthorized: " The API key is wrong, expired or revoked: ask the person who set it up.",
  rate_limited: " Wait a few seconds, then ask again.",
  scope_missing: " Ask the person who set the key up whether it should have that scope.",
  delivery_in_flight: " An attempt is on its way now: look at it with explain_failure in a moment.",
  subscription_disabled:
    " The endpoint is disabled: a person has to enable it before anything is delivered to it.",
};
