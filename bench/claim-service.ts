// One service process without its API, for claim.ts: its memory is looked at from outside.
import { answerParent } from "./child.ts";
import { type Engine, openEngine } from "./engine.ts";

let engine: Engine | undefined;

answerParent(
  {
    async open(databaseUrl: string) {
      engine = await openEngine({ databaseUrl });
    },
  },
  async () => {
    await engine?.close();
  },
);
