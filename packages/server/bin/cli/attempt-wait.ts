import type { Delivery, Postrider } from "@postrider/sdk";

const lookEveryMs = 250;

/** Repeats a look until it finds something, within a time limit; undefined when it does not. */
export async function lookFor<Found>(
  look: () => Promise<Found | undefined>,
  { msMax }: { msMax: number },
): Promise<Found | undefined> {
  const untilMs = performance.now() + msMax;
  for (;;) {
    const found = await look();
    if (found !== undefined || performance.now() > untilMs) return found;
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
  }
}

/** Waits until a delivery has more attempts than before, or has ended; undefined when it takes too long. */
export const awaitAttempt = (
  postrider: Postrider,
  id: string,
  { attemptsBefore, msMax }: { attemptsBefore: number; msMax: number },
): Promise<Delivery | undefined> =>
  lookFor(
    async () => {
      const delivery = await postrider.deliveries.get(id);
      return delivery.attempts_count > attemptsBefore ? delivery : undefined;
    },
    { msMax },
  );

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
