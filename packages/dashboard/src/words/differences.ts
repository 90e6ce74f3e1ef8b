import type { DeliveryAttempt } from "@postrider/sdk";
import { answerOf } from "./outcomes.ts";

type Compared = Pick<
  DeliveryAttempt,
  "url" | "address" | "status_code" | "error_code" | "request_headers"
>;

/** Describes the differences between the attempts of a delivery, in sentences; none for a single attempt. */
export function differences(attempts: readonly Compared[]): string[] {
  if (attempts.length < 2) return [];
  const answers = runs(attempts.map(answerOf));
  const addresses = runs(attempts.flatMap(({ address }) => address ?? []));
  const urls = runs(attempts.map(({ url }) => url));
  const headers = changedHeaders(attempts);
  return [
    answers.length > 1
      ? `The answer changed: ${inOrder(answers)}.`
      : `Every attempt ended in the same way: ${answers[0] || "no answer"}.`,
    ...(addresses.length > 1 ? [`The address changed: ${inOrder(addresses)}.`] : []),
    ...(urls.length > 1 ? ["The URL was changed in between."] : []),
    ...(headers.length > 0 ? [`Headers that were set changed: ${headers.join(", ")}.`] : []),
  ];
}

/** Values without repeats in a row. */
const runs = (values: readonly string[]): string[] =>
  values.filter((value, index) => index === 0 || value !== values[index - 1]);

/** At most four of them, as "a, then b". */
const inOrder = (values: readonly string[]): string =>
  (values.length > 4 ? [...values.slice(0, 2), "…", ...values.slice(-1)] : values).join(", then ");

/** Headers that are new on each attempt by design. */
const fresh = /^(?:webhook-(?:timestamp|signature)|.*-timestamp|.*-signature)$/;

function changedHeaders(attempts: readonly Compared[]): string[] {
  const known = attempts
    .map(({ request_headers }) => request_headers)
    .filter((headers) => headers !== null);
  const names = new Set(known.flatMap((headers) => Object.keys(headers)));
  return [...names].filter(
    (name) => !fresh.test(name) && new Set(known.map((headers) => headers[name])).size > 1,
  );
}
