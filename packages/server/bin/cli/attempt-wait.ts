import type { Delivery } from "@postrider/sdk";
import { lookFor } from "../../src/mcp/attempt-wait.ts";

/** Waits until every delivery of an event or a subject has its first attempt; returns the deliveries at the end. */
export async function awaitFirstAttempts(
  list: () => Promise<readonly Delivery[]>,
  {
    msMax,
    isHopeless = () => false,
  }: { msMax: number; isHopeless?: (found: readonly Delivery[]) => boolean },
): Promise<readonly Delivery[]> {
  let last: readonly Delivery[] = [];
  await lookFor(
    async () => {
      last = await list();
      const isDone = last.length > 0 && last.every(({ attempts_count }) => attempts_count > 0);
      return isDone || isHopeless(last) ? last : undefined;
    },
    { msMax },
  );
  return last;
}
