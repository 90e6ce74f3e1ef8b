import type { AttemptTiming, Delivery, DeliveryAttempt } from "@postrider/sdk";
import { type Column, printable } from "./table.ts";
import { colors, print, printFields, printTable, toned, widthHere } from "./terminal.ts";
import { answerOf, clockOf, dotsOf, durationOf, outcomes, untilOf, zoneHere } from "./words.ts";

/** The characters of an answer that are shown; `--json` has everything that is stored. */
const answerMax = 2_000;

/** Prints a delivery and its status. */
export function printDelivery(delivery: Delivery, endpoint: string): void {
  const nowMs = Date.now();
  const { word, tone } = outcomes[delivery.status];
  const next = delivery.next_attempt_at;
  const { call_id, run_id, workflow_id, assistant_id } = delivery;
  print(
    `${toned(tone, `● ${word}`)}  ${colors.bold(delivery.event_type)} → ${printable(endpoint)}${delivery.test ? "  (a sample)" : ""}\n`,
  );
  printFields([
    ["Delivery", delivery.id],
    ["Event", delivery.event_id],
    ["Endpoint", delivery.endpoint_id],
    ["Call", call_id ?? ""],
    ["Run", run_id ?? ""],
    ["Workflow", run_id === null ? (workflow_id ?? "") : ""],
    ["Assistant", call_id === null ? (assistant_id ?? "") : ""],
    ["Created", `${clockOf(delivery.created_at, nowMs)} (${zoneHere()})`],
    ["Attempts", dotsOf(delivery)],
    ["Next", next === null ? "" : `in ${untilOf(next, nowMs)}`],
  ]);
}

const columns: readonly Column[] = [
  { title: "#", align: "right" },
  { title: "AT" },
  { title: "ANSWER", min: 8 },
  { title: "TOOK", align: "right" },
  { title: "DNS", align: "right", optional: 1 },
  { title: "CONNECT", align: "right", optional: 1 },
  { title: "TLS", align: "right", optional: 1 },
  { title: "WAIT", align: "right", optional: 1 },
  { title: "READ", align: "right", optional: 1 },
];

/** Prints each attempt with its timing, and the last one's answer. */
export function printAttempts(given: readonly DeliveryAttempt[]): void {
  if (given.length === 0) return;
  const attempts = [...given].sort((a, b) => a.number - b.number);
  const nowMs = Date.now();
  print();
  printTable(
    columns,
    attempts.map((one) => [
      String(one.number),
      clockOf(one.at, nowMs),
      answerOf(one),
      durationOf(one.duration_ms),
      ...timesOf(one.timing),
    ]),
  );
  const last = attempts.at(-1);
  if (last !== undefined) printAnswer(last);
}

const timesOf = (timing: AttemptTiming | null): string[] =>
  (["dns", "connect", "tls", "wait", "read"] as const).map((part) =>
    durationOf(timing?.[part] ?? null),
  );

/** Prints an attempt's result, with the receiver's answer if there is one. */
function printAnswer(attempt: DeliveryAttempt): void {
  const { number, error, response_body: body, response_truncated: cut, hidden } = attempt;
  if (error !== null) print(`\nAttempt ${number}: ${printable(error)}`);
  if (hidden?.includes("response_body")) {
    print(`\nThe API key may not see the answer: it lacks the scope payload.`);
  } else if (body !== null && body !== "") {
    print(`\nThe answer to attempt ${number}:`);
    for (const line of body.slice(0, answerMax).split(/\r?\n/)) print(`  ${printable(line)}`);
    if (cut || body.length > answerMax) print(colors.dim("  … (cut)"));
  }
}

/** A line of what happens to a delivery, as `tail` prints it. */
export function changeLine(delivery: Delivery, endpoint: string): string {
  const { word, tone } = outcomes[delivery.status];
  const answer = answerOf(delivery);
  const parts = [
    colors.dim(clockOf(delivery.updated_at, Date.now())),
    toned(tone, `● ${word}`.padEnd(11)),
    delivery.event_type.padEnd(22),
    `→ ${printable(endpoint)}`,
    answer === "" ? "" : answer,
    durationOf(delivery.duration_ms),
    toned(tone, dotsOf(delivery)),
    (widthHere() ?? 200) < 110 ? "" : colors.dim(delivery.id),
  ];
  return parts.filter((part) => part !== "").join("  ");
}
