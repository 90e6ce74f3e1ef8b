import type { Fact } from "@postrider/sdk";
import { newId } from "../../src/ids.ts";
import type { EventTypeName } from "./event-types.ts";

/** The subjects of a script: existing ids, or ids that it creates. */
export type Subjects = { workflowId: string; assistantId: string };

/** One fact of a script, with the name that `--set` uses. */
export type ScriptedFact = { part: string; fact: Fact };

/** The facts that make an event of this type, and the subject of its deliveries. */
export type Script = { facts: ScriptedFact[]; subjectId: string };

type Play = (subjects: Subjects) => Script;

const input = { patient: "Ada Byron", reason: "check-up" };
const output = { booked: true, slot: "2027-01-12T09:30:00Z" };

const runPlay =
  (end?: Extract<Fact, { type: "run.updated" }>["data"]["status"]): Play =>
  ({ workflowId }) => {
    const runId = newId();
    const facts: ScriptedFact[] = [started(runId, workflowId)];
    if (end !== undefined) {
      facts.push({
        part: "end",
        fact: {
          type: "run.updated",
          data: {
            run_id: runId,
            status: end,
            ...(end === "completed"
              ? { output, collected_information: input }
              : { error: "no free slot" }),
          },
        },
      });
    }
    return { facts, subjectId: runId };
  };

const stepPlay =
  (end?: "step.completed" | "step.failed"): Play =>
  ({ workflowId }) => {
    const runId = newId();
    const step = { run_id: runId, step_id: "find-slot", name: "Find a free slot", index: 0 };
    const facts: ScriptedFact[] = [
      started(runId, workflowId),
      { part: "step", fact: { type: "step.started", data: step } },
    ];
    if (end !== undefined) {
      const came = end === "step.completed" ? { output: { slots: 3 } } : { error: "timed out" };
      facts.push({ part: "end", fact: { type: end, data: { ...step, ...came } } as Fact });
    }
    return { facts, subjectId: runId };
  };

const started = (runId: string, workflowId: string): ScriptedFact => ({
  part: "run",
  fact: {
    type: "run.started",
    data: { _id: runId, workflow_id: workflowId, trigger: "triggered", input },
  },
});

const workflowPlay =
  (then?: "workflow.updated" | "workflow.deleted"): Play =>
  () => {
    const workflowId = newId();
    const facts: ScriptedFact[] = [
      {
        part: "workflow",
        fact: {
          type: "workflow.created",
          data: {
            _id: workflowId,
            name: "Book an appointment (triggered)",
            description: "Made by postrider trigger.",
          },
        },
      },
    ];
    if (then === "workflow.updated") {
      facts.push({
        part: "update",
        fact: {
          type: then,
          data: { workflow_id: workflowId, description: "Changed by postrider trigger." },
        },
      });
    }
    if (then === "workflow.deleted") {
      facts.push({ part: "end", fact: { type: then, data: { workflow_id: workflowId } } });
    }
    return { facts, subjectId: workflowId };
  };

type CallFact = (callId: string) => ScriptedFact;

const callPlay =
  (...then: readonly CallFact[]): Play =>
  ({ assistantId }) => {
    const callId = `CC-${crypto.randomUUID()}`;
    const call: ScriptedFact = {
      part: "call",
      fact: {
        type: "call.created",
        data: {
          id: callId,
          assistantId,
          callType: "phone",
          direction: "inbound",
          userNumber: "+12025550143",
          assistantNumber: "+12025550100",
          metadata: { triggered: true },
        },
      },
    };
    return { facts: [call, ...then.map((make) => make(callId))], subjectId: callId };
  };

const status: CallFact = (call_id) => ({
  part: "status",
  fact: { type: "call.status", data: { call_id, status: "ongoing" } },
});

const message: CallFact = (call_id) => ({
  part: "message",
  fact: {
    type: "call.message",
    data: { call_id, role: "user", text: "I need an appointment, as early as possible." },
  },
});

const failure: CallFact = (call_id) => ({
  part: "error",
  fact: {
    type: "call.error",
    data: {
      call_id,
      type: "llm_error",
      code: "504",
      message: "no answer in time",
      provider: "openai",
      retryable: true,
    },
  },
});

const end: CallFact = (call_id) => ({
  part: "end",
  fact: {
    type: "call.ended",
    data: {
      call_id,
      callEndTriggerBy: "user",
      recording: { url: "https://recordings.example.com/triggered.ogg" },
      analysis: { summary: "An appointment was booked.", success: true },
      cost: { currency: "USD", total: 0.12 },
    },
  },
});

/** The script of each event type; operational events come only from the service. */
export const scripts: Readonly<Partial<Record<EventTypeName, Play>>> = {
  workflow_created: workflowPlay(),
  workflow_updated: workflowPlay("workflow.updated"),
  workflow_deleted: workflowPlay("workflow.deleted"),
  workflow_run_started: runPlay(),
  workflow_run_completed: runPlay("completed"),
  "workflow.started": runPlay(),
  "workflow.completed": runPlay("completed"),
  "workflow.failed": runPlay("failed"),
  "workflow.step.started": stepPlay(),
  "workflow.step.completed": stepPlay("step.completed"),
  "workflow.step.failed": stepPlay("step.failed"),
  "status-update": callPlay(status),
  "conversation-update": callPlay(status, message),
  "end-of-call-report": callPlay(status, message, end),
  // Nobody answers the message: the service tells it after the assistant's hangTimeoutSeconds.
  hang: callPlay(status, message),
  error: callPlay(status, failure),
};

/** One `--set`: a path and a value. */
export type Change = { path: readonly string[]; value: unknown };

/** Reads `part.path=value`; a value that is valid JSON is read as JSON, any other as text. */
export function parseChange(text: string): Change | undefined {
  const [, path, value = ""] = /^([\w-]+(?:\.[\w-]+)+)=(.*)$/s.exec(text) ?? [];
  if (path === undefined) return undefined;
  return { path: path.split("."), value: jsonOr(value) };
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Changes the facts of a script; returns the existing parts if the path names none of them. */
export function changeFacts(
  facts: readonly ScriptedFact[],
  changes: readonly Change[],
): { facts: ScriptedFact[] } | { unknown: string; parts: string[] } {
  const changed = facts.map(({ part, fact }) => ({ part, fact: structuredClone(fact) }));
  for (const { path, value } of changes) {
    const [name = "", ...inside] = path;
    const target = changed.find(({ part }) => part === name);
    if (target === undefined) return { unknown: name, parts: changed.map(({ part }) => part) };
    setAt(target.fact.data as Record<string, unknown>, inside, value);
  }
  return { facts: changed };
}

function setAt(data: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [name = "", ...rest] = path;
  // A path such as __proto__.x must not change an inherited object.
  const own = Object.hasOwn(data, name) ? data[name] : undefined;
  if (rest.length === 0) {
    Object.defineProperty(data, name, {
      value,
      enumerable: true,
      writable: true,
      configurable: true,
    });
    return;
  }
  const below = typeof own === "object" && own !== null && !Array.isArray(own) ? { ...own } : {};
  setAt(below as Record<string, unknown>, rest, value);
  setAt(data, [name], below);
}
