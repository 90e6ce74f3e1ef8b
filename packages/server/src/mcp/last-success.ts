import type { DeliveryAttempt, DeliveryDetails, Endpoint } from "@postrider/sdk";
import { shortDelivery } from "./deliveries.ts";
import type { ToolContext } from "./tool.ts";

/** A delivered delivery and its successful attempt. */
type Success = { delivery: DeliveryDetails; attempt: DeliveryAttempt };

const changesListedMax = 10;
/** How much slower an answer must be to count as a change. */
const slower = { factor: 3, msMin: 1_000 };

/** Lists the differences from the last successful delivery to the endpoint before this one. */
export async function compareWithLastSuccess(
  context: ToolContext,
  endpoint: Endpoint,
  failed: DeliveryDetails,
): Promise<object> {
  const success = await findSuccess(context, endpoint, failed);
  if (!success) {
    return {
      last_success: null,
      changes: ["Before this delivery nothing that is still kept was ever delivered here."],
    };
  }
  const { delivery, attempt } = success;
  return {
    last_success: {
      ...shortDelivery(delivery),
      at: attempt.at,
      status_code: attempt.status_code,
      duration_ms: attempt.duration_ms,
    },
    changes: [
      ...(failed.attempts[0]
        ? changesOf(success, { delivery: failed, attempt: failed.attempts[0] })
        : []),
      ...(await settingsChanged(context, endpoint, attempt.at)),
    ],
  };
}

async function findSuccess(
  { client, signal }: ToolContext,
  { id }: Endpoint,
  failed: DeliveryDetails,
): Promise<Success | undefined> {
  const query = { endpoint_id: [id], status: ["delivered" as const], to: failed.created_at };
  for await (const found of client.deliveries.each({ ...query, limit: 20 }, { signal })) {
    const delivery = await client.deliveries.get(found.id, { signal });
    const attempt = delivery.attempts.find(({ error_code }) => error_code === null);
    return attempt && { delivery, attempt };
  }
  return undefined;
}

/** Lists the differences between a successful and a failed attempt that the caller may see. */
export function changesOf(before: Success, now: Success): string[] {
  const was = before.attempt;
  const is = now.attempt;
  const changes: (string | false)[] = [
    was.url !== is.url && `The URL was ${was.url} and is ${is.url}.`,
    was.address !== null &&
      is.address !== null &&
      was.address !== is.address &&
      `The address was ${was.address} and is ${is.address}.`,
    is.address === null && was.address !== null && `No address was reached; it was ${was.address}.`,
    was.status_code !== is.status_code &&
      `The answer was ${was.status_code} and is ${is.status_code ?? "none"}.`,
    muchSlower(was.duration_ms, is.duration_ms) &&
      `The attempt took ${was.duration_ms} ms and takes ${is.duration_ms} ms.`,
    before.delivery.event_type !== now.delivery.event_type &&
      `The event was ${before.delivery.event_type} and is ${now.delivery.event_type}.`,
    bodyGrew(before.delivery, now.delivery),
  ];
  return [
    ...changes.filter((change) => change !== false),
    ...headerChanges(
      "Request",
      was.request_headers,
      is.request_headers,
      namesIn(was.request_headers, is.request_headers),
    ),
    ...headerChanges("Answer", was.response_headers, is.response_headers, tellingNames),
  ];
}

const muchSlower = (was: number | null, is: number | null): boolean =>
  was !== null && is !== null && is >= slower.msMin && is > was * slower.factor;

function bodyGrew(before: DeliveryDetails, now: DeliveryDetails): string | false {
  const [was, is] = [before.request.body, now.request.body].map((body) => body?.length);
  if (was === undefined || is === undefined || is < was * 2) return false;
  return `The body had ${was} characters and has ${is}.`;
}

/** Names of added, removed or changed headers, without values: these are text of the receiver and are shown elsewhere. */
function headerChanges(
  whose: "Request" | "Answer",
  was: Record<string, string> | null,
  is: Record<string, string> | null,
  names: readonly string[],
): string[] {
  if (!was || !is) return [];
  return names
    .flatMap((name) => {
      const [old, own] = [was[name], is[name]];
      if (old === undefined && own !== undefined) return [`${whose} header ${name} is new.`];
      if (old !== undefined && own === undefined) return [`${whose} header ${name} is gone.`];
      const differs = whose === "Answer" && old !== own;
      return differs ? [`${whose} header ${name} is another one.`] : [];
    })
    .slice(0, changesListedMax);
}

const namesIn = (...maps: (Record<string, string> | null)[]): string[] =>
  [...new Set(maps.flatMap((map) => Object.keys(map ?? {})))].sort();

/** Headers of an answer that show which software sent it. */
const tellingNames = ["content-type", "location", "server", "via"];

/** Says whether the endpoint's settings were changed since then; for keys with the scope `admin`, also by whom. */
async function settingsChanged(
  { client, scopes, signal }: ToolContext,
  { id, updated_at }: Endpoint,
  since: string,
): Promise<string[]> {
  if (updated_at <= since) return [];
  const changed = `The endpoint's settings were last changed at ${updated_at}, after that success.`;
  if (!scopes.has("admin")) return [changed];
  const query = { subject: id, since, limit: changesListedMax };
  const { entries } = await client.audit.list(query, { signal });
  return [
    changed,
    ...entries.map((one) => `${one.created_at} ${one.action} by ${one.actor.name}.`),
  ];
}
