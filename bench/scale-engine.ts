// One of several processes on one database; started by scale.ts.
import { answerParent } from "./child.ts";
import { type Engine, openEngine } from "./engine.ts";
import { runsStarted } from "./facts.ts";
import { chunks, inLanes } from "./lanes.ts";

/** What the process is told at its start. */
export type EngineStart = { databaseUrl: string };

let engine: Engine | undefined;

const opened = (): Engine => {
  if (!engine) throw new Error("the engine is not open yet");
  return engine;
};

answerParent(
  {
    /** Opens it without letting it claim. */
    async open({ databaseUrl }: EngineStart) {
      engine = await openEngine({ databaseUrl, started: false, hot: false });
    },
    /** Subscribes the URLs and leaves a delivery in the table for each fact and URL. */
    async fill({ urls, facts }: { urls: string[]; facts: number }) {
      const { subscribe, createWorkflow, facts: intake } = opened();
      const workflowId = await createWorkflow();
      for (const url of urls) await subscribe(url);
      await inLanes(chunks(runsStarted(workflowId, facts), 1_000), 2, (some) =>
        intake.recordAll(some),
      );
    },
    async start() {
      opened().dispatcher.start();
    },
    recorded: async () => opened().recorded,
  },
  async () => engine?.close(),
);
