import { callBytesMax, detailBytes } from "../call-bytes.ts";
import type { CallEnd, CallStatus, CallStatusReport, FactContent } from "../facts.ts";
import { type JsonText, jsonText } from "../json-text.ts";
import { namesOutside, repeatUnless, withReplaced } from "../repeats.ts";
import { sameJson } from "../same-json.ts";
import {
  bytesOf,
  type Call,
  type CallSubject,
  durationMsMax,
  happens,
  isPast,
  refused,
  silence,
  tooLarge,
} from "./call.ts";
import type { Transition } from "./happening.ts";
import type { Report } from "./workflow.ts";

/** The states that may follow each state. `finished` may follow any. */
const successors: Record<CallStatus, readonly CallStatus[]> = {
  queued: ["ongoing"],
  ongoing: ["forwarded"],
  forwarded: [],
  finished: [],
};

/**
 * Moves a call on; `finished` ends it without further details.
 *
 * A past state is a repeat of what was reported in it. A report of the present state may change what is known of the
 * line; no event is made of that.
 */
export function changeCallStatus(
  subject: CallSubject,
  data: CallStatusReport,
  report: Report & { occurredAt: Date },
): Transition<Call> {
  const { call, assistant, messages } = subject;
  const { status, ...line } = data;
  if (status === "finished") return endCall(subject, line, report);
  if (isPast(status, call.status)) {
    return repeatUnless(unreported(call, status, contentOf(line)), call);
  }
  if (status === call.status) {
    const next = lineRemembered({ ...call, ...line });
    const isNews =
      next.phoneCallStatus !== call.phoneCallStatus ||
      next.phoneCallStatusReason !== call.phoneCallStatusReason;
    return isNews
      ? happens({ ...subject, call: next }, report, [])
      : { kind: "repeated", state: call };
  }
  if (!successors[call.status].includes(status)) {
    return refused(`The call is ${call.status}; it cannot become ${status}.`);
  }
  const next = lineRemembered({
    ...lineRemembered(call),
    ...line,
    status,
    startAt: call.startAt ?? (status === "ongoing" ? report.occurredAt : null),
    // The call was forwarded: nobody waits for the assistant any more.
    hangDueAt: null,
  });
  // If the user spoke before the call was reported as ongoing, the wait for an answer begins now.
  const waits = status === "ongoing" && messages.at(-1)?.role === "user";
  const begun = waits && silence(next, "user", assistant.hangTimeoutSeconds, report.now);
  return happens({ ...subject, call: { ...next, ...begun } }, report, [{ kind: "call_status" }]);
}

/**
 * Ends a call: its last status, then the report of the whole call. If the assistant delays its reports, the report is
 * sent when the recording, the cost or the analysis is reported, or when the wait is over.
 */
export function endCall(
  subject: CallSubject,
  data: CallEnd,
  report: Report & { occurredAt: Date },
): Transition<Call> {
  const { call, assistant } = subject;
  if (call.status === "finished") return endAgain(subject, data, report);
  const startMs = (call.startAt ?? report.occurredAt).getTime();
  const endMs = Math.max(report.occurredAt.getTime(), startMs);
  const waitMs = bringsDetails(data) ? 0 : assistant.endReportWaitSeconds * 1_000;
  const next: Call = {
    ...remembered(lineRemembered(call), "finished", contentOf(data)),
    ...data,
    status: "finished",
    endAt: new Date(endMs),
    durationMs: data.durationMs ?? Math.min(endMs - startMs, durationMsMax),
    hangDueAt: null,
    // Counted from now, not from occurredAt: otherwise the wait of a late report could be over already.
    reportDueAt: waitMs === 0 ? null : new Date(report.now.getTime() + waitMs),
  };
  return withDetails(subject, data, (reportBytes) =>
    happens({ ...subject, call: { ...next, reportBytes } }, report, [
      { kind: "call_status" },
      ...(next.reportDueAt === null ? [{ kind: "call_ended" } as const] : []),
    ]),
  );
}

/** Adds details to a call that has ended; after its report was made, nothing can be added. */
function endAgain(subject: CallSubject, data: CallEnd, report: Report): Transition<Call> {
  const { call } = subject;
  const [told, recorded] = [contentOf(data), contentOf(call)];
  const fresh = unreported(call, "finished", told);
  const news = fresh.filter(
    (name) => !sameJson(told.get(name) ?? null, recorded.get(name) ?? null),
  );
  const settled = news.filter((name) => wasReported(call, name, recorded));
  if (settled.length > 0) return repeatUnless(settled, call);
  if (call.reportDueAt === null && news.length > 0) {
    const detail = `The report of the call has gone without ${news.join(", ")}.`;
    return { kind: "refused", code: "report_sent", detail };
  }
  if (call.reportDueAt === null || fresh.length === 0) return { kind: "repeated", state: call };

  const added = onlyNamed(data, fresh);
  const goes = bringsDetails(added);
  const next: Call = {
    ...remembered(call, "finished", contentOf(added)),
    ...added,
    durationMs: added.durationMs ?? call.durationMs,
    reportDueAt: goes ? null : call.reportDueAt,
  };
  return withDetails(subject, added, (reportBytes) =>
    happens(
      { ...subject, call: { ...next, reportBytes } },
      report,
      goes ? [{ kind: "call_ended" }] : [],
    ),
  );
}

/** Makes the report whose wait is over; a report that was made meanwhile is not made again. */
export function tellDueReport(subject: CallSubject, report: Report): Transition<Call> {
  const { call } = subject;
  if (call.reportDueAt === null || call.reportDueAt > report.now) {
    return { kind: "repeated", state: call };
  }
  return happens({ ...subject, call: { ...call, reportDueAt: null } }, report, [
    { kind: "call_ended" },
  ]);
}

/** Whether an end brings details that a report waits for. */
const bringsDetails = ({ recording, analysis, cost }: CallEnd): boolean =>
  [recording, analysis, cost].some((text) => text !== undefined && text !== null);

/** Ends a call if the report has room for the details. Without details there is always room. */
function withDetails(
  subject: CallSubject,
  details: CallEnd,
  end: (reportBytes: number) => Transition<Call>,
): Transition<Call> {
  const added = detailBytes(details);
  const reportBytes = bytesOf(subject) + added;
  return added > 0 && reportBytes > callBytesMax ? tooLarge : end(reportBytes);
}

/** The names of an end's members in a report's body. */
const endMembers = {
  phoneCallStatus: "phoneCallStatus",
  phoneCallStatusReason: "phoneCallStatusReason",
  callEndTriggerBy: "callEndTriggerBy",
  durationMs: "assistantCallDuration",
  recording: "recording",
  analysis: "analysis",
  cost: "cost",
  metrics: "metrics",
} as const satisfies Record<keyof CallEnd, string>;
const documents: readonly string[] = ["recording", "analysis", "cost", "metrics"];

/** What a report says about a call's line and its end, by member. A duration of null is left out, because it is computed then. */
function contentOf(data: CallEnd): FactContent {
  const members = Object.entries(endMembers).flatMap(([field, name]) => {
    const value = data[field as keyof CallEnd];
    if (value === undefined || (field === "durationMs" && value === null)) return [];
    const isText = documents.includes(field) && value !== null;
    return [[name, isText ? (value as JsonText) : jsonText(value)] as const];
  });
  return new Map(members);
}

const onlyNamed = (data: CallEnd, names: readonly string[]): CallEnd =>
  Object.fromEntries(
    Object.entries(data).filter(([field]) => names.includes(endMembers[field as keyof CallEnd])),
  );

/** Says whether a report of the end gave this member its value; null is not a value. */
const wasReported = (call: Call, name: string, recorded: FactContent): boolean => {
  const value = recorded.get(name);
  if (value === undefined || value === "null") return false;
  return unreported(call, "finished", new Map([[name, value]])).length === 0;
};

const saltOf = (call: Call, status: CallStatus): string => `${call.id}/${status}`;

/** Names the members that no report of the call in this state gave these values. */
const unreported = (call: Call, status: CallStatus, content: FactContent): string[] =>
  namesOutside(call.reported ?? "", saltOf(call, status), content);

/** Keeps what was reported of a call in a state, so that a repeat is recognised. */
const remembered = (call: Call, status: CallStatus, content: FactContent): Call => ({
  ...call,
  reported: withReplaced(call.reported, saltOf(call, status), content),
});

/** Keeps the line of the call's present state. */
const lineRemembered = (call: Call): Call => {
  const { phoneCallStatus, phoneCallStatusReason } = call;
  return remembered(call, call.status, contentOf({ phoneCallStatus, phoneCallStatusReason }));
};
