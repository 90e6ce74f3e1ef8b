import { setTimeout as pause } from "node:timers/promises";
import { tellWhileWaiting, unlessStopped } from "../patience.ts";
import { databaseProblem, StartError } from "../start-error.ts";
import { isStorageUnavailable, sqlState } from "./errors.ts";
import { listPendingMigrations, migrate } from "./migrate.ts";

export type ReachSchemaOptions = {
  databaseUrl: string;
  /** True: applies missing migrations; false: refuses to start when some are missing. */
  migrate: boolean;
  stop: AbortSignal | undefined;
  /** Called with a line when it has to wait. */
  tell: (line: string) => void;
};

const waitMsMax = 30_000;
const pauseMs = 500;

/** Waits until the database is available, with this version's schema and a session for each connection. */
export async function reachSchema(options: ReachSchemaOptions): Promise<void> {
  const { stop, tell } = options;
  const startedAtMs = performance.now();
  let step = "it does not answer";
  const tellWait = (seconds: number) =>
    tell(`waiting for the database: ${step} (${seconds} s so far)`);
  let failed = false;
  const lookUntilThere = async () => {
    while (!stop?.aborted) {
      try {
        return await look(options, (next) => {
          step = next;
        });
      } catch (error) {
        if (!mayCome(error) || performance.now() - startedAtMs > waitMsMax) {
          throw databaseProblem(error);
        }
        const { code = "no answer" } = error as { code?: string };
        step = `${code}, tried again for ${waitMsMax / 1_000} s at most`;
        if (!failed) tellWait(0);
        failed = true;
      }
      await pause(pauseMs);
    }
  };
  await unlessStopped(stop, tellWhileWaiting(lookUntilThere(), tellWait));
}

async function look(
  { databaseUrl, migrate: mayMigrate, stop }: ReachSchemaOptions,
  onStep: (step: string) => void,
): Promise<void> {
  if (mayMigrate) {
    await migrate(databaseUrl, { onStep, ...(stop && { stop }) });
    return;
  }
  const pending = await listPendingMigrations(databaseUrl);
  if (pending.length > 0) {
    throw new StartError(
      `The database lacks ${pending.length} migration(s), from ${pending[0]} on. Run: postrider migrate`,
    );
  }
}

/** To wait does not help against a wrong password (class 28) or a missing database (3D). */
const mayCome = (error: unknown): boolean =>
  isStorageUnavailable(error) && !/^(28|3D)/.test(sqlState(error) ?? "");
