import { AppError } from "../errors.ts";
import type { Fact } from "./facts.ts";
import {
  type Assistant,
  addMessage,
  type Call,
  type CallSubject,
  changeCallStatus,
  createCall,
  endCall,
  reportCallError,
  reportHang,
} from "./lifecycle/call.ts";
import { accepted, type Transition } from "./lifecycle/happening.ts";
import { type Changes, type Recorded, subjectKey, type World } from "./world.ts";

type CallFact = Extract<Fact, { callId: string }>;

/** Decides one fact about a call on the world as the facts before it left it; throws `AppError` when it is refused. */
export function decideCall(fact: CallFact, world: World, changes: Changes): Recorded {
  const occurredAt = fact.occurredAt ?? world.now;
  const report = { actor: fact.actor, now: world.now, occurredAt };
  const keep = (transition: Transition<Call>): Recorded => {
    const next = accepted(transition);
    if (next.kind === "repeated") return { outcome: "repeated", call: next.state };
    const key = subjectKey(fact.teamId, fact.callId);
    world.calls.set(key, next.state);
    changes.changedCalls.add(key);
    const occurrence = { actor: fact.actor, occurredAt };
    for (const happening of next.happened) changes.happened.push({ happening, occurrence });
    return { outcome: "recorded", call: next.state };
  };

  if (fact.type === "call.created") {
    const key = subjectKey(fact.teamId, fact.callId);
    const existing = world.calls.get(key);
    // A creation that was recorded stays a repeat when its assistant has been deleted since.
    const assistant =
      existing?.assistantId === fact.assistantId
        ? knownCall(world, fact.teamId, fact.callId).assistant
        : liveAssistant(world, fact.teamId, fact.assistantId);
    const recorded = keep(createCall(existing, { id: fact.callId, assistant }, fact.data, report));
    if (recorded.outcome === "recorded") changes.newCalls.add(key);
    return recorded;
  }

  const subject = knownCall(world, fact.teamId, fact.callId);
  switch (fact.type) {
    case "call.status":
      return keep(changeCallStatus(subject, fact.data, report));
    case "call.ended":
      return keep(endCall(subject, fact.data, report));
    case "call.error":
      return keep(reportCallError(subject, fact.data, report));
    case "call.hung":
      return keep(reportHang(subject, report));
    case "call.message": {
      const { message, ...transition } = addMessage(subject, fact.data, report);
      const recorded = keep(transition);
      if (message && recorded.outcome === "recorded") {
        const key = subjectKey(fact.teamId, fact.callId);
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

/** A call goes on when its assistant is deleted meanwhile. */
function knownCall(world: World, teamId: string, id: string): CallSubject {
  const call = world.calls.get(subjectKey(teamId, id));
  const assistant = call && world.assistants.get(subjectKey(teamId, call.assistantId));
  if (!call || !assistant) throw new AppError("not_found", `There is no call ${id}.`);
  return { call, assistant, messages: world.messages.get(subjectKey(teamId, id)) ?? [] };
}
