import type { CallCreate, CallEnd, CallError, CallMessageReport, CallStatus } from "./api.gen.ts";
import type { FactSink } from "./fact-buffer.ts";

/** Reports one call from its start to its end; every method resolves when the sink has taken the report. */
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
  /** Resolves when everything reported so far is acknowledged; throws what was refused. */
  flush(): Promise<void>;
};

/** Reports a call's start into a sink. Its id is made here, so that nothing has to be waited for. */
export async function startCall(
  sink: FactSink,
  now: () => number,
  body: CallCreate,
): Promise<CallReporter> {
  const id = body.id ?? `${body.callType === "web" ? "WC" : "CC"}-${crypto.randomUUID()}`;
  const at = (occurredAt: string | undefined) => occurredAt ?? new Date(now()).toISOString();

  await sink.report({
    type: "call.created",
    occurred_at: at(body.occurredAt),
    data: { ...body, id },
  });

  return {
    id,
    status: (status, details = {}) =>
      sink.report({
        type: "call.status",
        occurred_at: at(details.occurredAt),
        data: { call_id: id, ...details, status },
      }),
    message: (role, text, details = {}) =>
      sink.report({
        type: "call.message",
        occurred_at: at(details.occurredAt),
        data: { call_id: id, timestamp: now(), ...details, role, text },
      }),
    error: (error) =>
      sink.report({
        type: "call.error",
        occurred_at: at(error.occurredAt),
        data: { call_id: id, ...error },
      }),
    end: (details = {}) =>
      sink.report({
        type: "call.ended",
        occurred_at: at(details.occurredAt),
        data: { call_id: id, ...details },
      }),
    flush: () => sink.flush(),
  };
}
