import type { CallCreate, CallEnd, CallError, CallMessageReport, CallStatus } from "./api.gen.ts";
import type { Fact } from "./facts.ts";
import { requireObject } from "./guards.ts";
import { openReports, type Reporting, type ReportOptions } from "./reports.ts";

/**
 * Reports one call from its start to its end. Every method resolves when the report was accepted or given up, and none throws
 * because of it: `onReportError` or `flush` announces reports that could not be recorded.
 */
export type CallReporter = {
  id: string;
  status(status: CallStatus["status"], details?: Omit<CallStatus, "status">): Promise<void>;
  message(
    role: CallMessageReport["role"],
    text: string,
    details?: Omit<CallMessageReport, "role" | "text">,
  ): Promise<void>;
  error(error: CallError): Promise<void>;
  end(details?: CallEnd): Promise<void>;
  /** Resolves when all reports so far are acknowledged or announced; throws each error that had no listener, once. */
  flush(): Promise<void>;
};

/** Reports a call's start. The id is made here, so that the caller does not have to wait. */
export async function startCall(
  reporting: Reporting,
  body: CallCreate,
  options?: ReportOptions,
): Promise<CallReporter> {
  requireObject(body, "The call");
  const reports = openReports(reporting, options);
  const { now } = reporting;
  const id = body.id ?? `${body.callType === "web" ? "WC" : "CC"}-${crypto.randomUUID()}`;
  type Type = Extract<Fact["type"], `call.${string}`>;
  const report = <T extends Type>(
    type: T,
    occurredAt: string | undefined,
    data: Extract<Fact, { type: T }>["data"],
  ) => {
    const occurred_at = occurredAt ?? new Date(now()).toISOString();
    return reports.report(() => ({ type, occurred_at, data }) as Fact);
  };

  await report("call.created", body.occurredAt, { ...body, id });

  return {
    id,
    status: (status, details = {}) =>
      report("call.status", details.occurredAt, { call_id: id, ...details, status }),
    message: (role, text, details = {}) =>
      report("call.message", details.occurredAt, {
        call_id: id,
        ...details,
        role,
        text,
      }),
    error: (error) => report("call.error", error.occurredAt, { call_id: id, ...error }),
    end: (details = {}) => report("call.ended", details.occurredAt, { call_id: id, ...details }),
    flush: reports.flush,
  };
}
