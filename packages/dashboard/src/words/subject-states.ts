import type { Conversation, Run, Step } from "@postrider/sdk";
import type { Word } from "./outcomes.ts";

/** The states of a run, as words. */
export const runWords: Readonly<Record<Run["status"], Word>> = {
  started: { word: "Started", tone: "wait" },
  running: { word: "Running", tone: "wait" },
  paused: { word: "Paused", tone: "idle" },
  completed: { word: "Completed", tone: "ok" },
  failed: { word: "Failed", tone: "bad" },
  cancelled: { word: "Cancelled", tone: "idle" },
};

/** The states of a step, as words. */
export const stepWords: Readonly<Record<Step["status"], Word>> = {
  started: { word: "Started", tone: "wait" },
  completed: { word: "Completed", tone: "ok" },
  failed: { word: "Failed", tone: "bad" },
};

/** The states of a call, as words. */
export const callWords: Readonly<Record<Conversation["status"], Word>> = {
  queued: { word: "Queued", tone: "idle" },
  ongoing: { word: "Ongoing", tone: "wait" },
  forwarded: { word: "Forwarded", tone: "wait" },
  finished: { word: "Finished", tone: "ok" },
};
