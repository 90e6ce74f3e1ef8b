import { AppError } from "../errors.ts";
import type { Fact } from "./facts.ts";
import {
  type Assistant,
  addMessage,
  type Call,
  type CallSubject,
  createAgain,
  createCall,
  reportCallError,
  reportHang,
} from "./lifecycle/call.ts";
import { changeCallStatus, endCall, tellDueReport } from "./lifecycle/call-states.ts";
import { accepted, type Transition } from "./lifecycle/happening.ts";
import { type Changes, type Recorded, subjectKey, type World } from "./world.ts";

type CallFact = Extract<Fact, { callId: string }>;

/** Decides one fact about a call on the world after the facts before it; throws `AppError` when the fact is refused. */
export function decideCall(fact: CallFact, world: World, changes: Changes): Recorded {
  const occurredAt = fact.occurredAt ?? world.now;
  const report = { actor: fact.actor, now: world.now, occurredAt };
  const key = subjectKey(fact.teamId, fact.callId);
  const keep = (transition: Transition<Call>, changed: Set<string>): Recorded => {
    const next = accepted(transition);
    if (next.kind === "repeated") return { outcome: "repeated", call: next.state };
    world.calls.set(key, next.state);
    changed.add(key);
    const occurrence = { actor: fact.actor, occurredAt, trace: fact.trace };
    for (const happening of next.happened) changes.happened.push({ happening, occurrence });
    return { outcome: "recorded", call: next.state };
  };

  if (fact.type === "call.created") {
    const { callId: id, assistantId, data } = fact;
    const existing = world.calls.get(key);
    if (existing) return keep(createAgain(existing, assistantId, data), changes.changedCalls);
    const assistant = liveAssistant(world, fact.teamId, assistantId);
    return keep(createCall({ id, assistant }, data, report), changes.newCalls);
  }

  const change = (transition: Transition<Call>) => keep(transition, changes.changedCalls);
  const subject = knownCall(world, fact.teamId, fact.callId);
  switch (fact.type) {
    case "call.status":
      return change(changeCallStatus(subject, fact.data, report));
    case "call.ended":
      return change(endCall(subject, fact.data, report));
    case "call.error":
      return change(reportCallError(subject, fact.data, report));
    case "call.hung":
      return change(reportHang(subject, report));
    case "call.report_due":
      return change(tellDueReport(subject, report));
    case "call.message": {
      const { message, ...transition } = addMessage(subject, fact.data, report);
      const recorded = change(transition);
      if (message && recorded.outcome === "recorded") {
        world.messages.set(key, [...subject.messages, message]);
        changes.newMessages.push({
          ...message,
          teamId: fact.teamId,
          callId: fact.callId,
          position: subject.messages.length + 1,
        });
      }
      return { ...recorded, ...(message && { message }) };
    }
    default:
      throw new Error(`unknown fact ${fact satisfies never}`);
  }
}

function liveAssistant(world: World, teamId: string, id: string): Assistant {
  const assistant = world.assistants.get(subjectKey(teamId, id));
  if (!assistant || assistant.deletedAt) {
    throw new AppError("not_found", `There is no assistant ${id}.`);
  }
  return assistant;
}

/** A call continues when its assistant is deleted meanwhile. */
function knownCall(world: World, teamId: string, id: string): CallSubject {
  const call = world.calls.get(subjectKey(teamId, id));
  const assistant = call && world.assistants.get(subjectKey(teamId, call.assistantId));
  if (!call || !assistant) throw new AppError("not_found", `There is no call ${id}.`);
  return { call, assistant, messages: world.messages.get(subjectKey(teamId, id)) ?? [] };
}
