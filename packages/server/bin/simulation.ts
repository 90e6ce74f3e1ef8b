import type { Fact, FactSink, Postrider } from "@postrider/sdk";

/** What a simulation plays with. */
export type Stage = {
  postrider: Postrider;
  /** The receiver of the played traffic's webhooks; undefined: no subscriptions and servers are changed. */
  receiverUrl: string | undefined;
  /** Takes every fact that is played, and counts it. */
  sink: FactSink;
  /** Waits as long as people and machines would; not at all after a stop. */
  pause(ms: number): Promise<void>;
};

/** Facts that were accepted, and those that were refused. */
export type Tally = { sent: number; refused: number };

/** One kind of traffic: its preparation, the part that is repeated, and its end. */
export type Simulation = {
  prepare(stage: Stage): Promise<{
    /** Plays the n-th of them, from 0, to its end. */
    play(n: number): Promise<void>;
    finish(): Promise<void>;
  }>;
};

/**
 * Opens a sink that reports each fact separately and counts the results.
 *
 * Reporters keep what goes wrong from what they report. So the sink remembers when the service could not be asked: it takes
 * nothing more then, and its flush throws why.
 */
export function openCountingSink(postrider: Postrider): { sink: FactSink; tally: Tally } {
  const tally = { sent: 0, refused: 0 };
  let failure: { error: unknown } | undefined;
  const flush = async () => {
    if (failure) throw failure.error;
  };
  const report = async (fact: Fact) => {
    await flush();
    try {
      const { results } = await postrider.facts.report([{ id: crypto.randomUUID(), ...fact }]);
      if (results[0]?.error) tally.refused++;
      else tally.sent++;
    } catch (error) {
      failure = { error };
      throw error;
    }
  };
  return { sink: { report, flush }, tally };
}

/**
 * Plays `count` of them, `perSecond` begun each second, and not more than `inFlightMax` at once.
 *
 * When it is told to stop it begins no further one and brings those that are on to their end. What was refused is the
 * sink's to count; an error stops it, and is thrown when the others have ended.
 */
export async function playAll(
  play: (n: number) => Promise<void>,
  { count, perSecond, stop }: { count: number; perSecond: number; stop: AbortSignal },
): Promise<number> {
  const inFlight = new Set<Promise<unknown>>();
  const errors: unknown[] = [];
  const startedAtMs = performance.now();
  let begun = 0;
  while (begun < count && errors.length === 0) {
    await sleep(startedAtMs + (begun * 1_000) / perSecond - performance.now(), stop);
    if (inFlight.size >= inFlightMax) await Promise.race(inFlight);
    if (stop.aborted) break;
    const one: Promise<unknown> = play(begun++)
      .catch((error) => errors.push(error))
      .finally(() => inFlight.delete(one));
    inFlight.add(one);
  }
  await Promise.all(inFlight);
  if (errors.length > 0) throw errors[0];
  return begun;
}

const inFlightMax = 200;

/** Waits; ends early when the signal is aborted. */
export function sleep(ms: number, stop: AbortSignal): Promise<void> {
  if (ms <= 0 || stop.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      stop.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    stop.addEventListener("abort", end);
  });
}

/** Returns the first matching item of a list, or undefined. */
export async function firstOf<Item>(
  list: AsyncIterable<Item>,
  wanted: (item: Item) => boolean,
): Promise<Item | undefined> {
  for await (const item of list) if (wanted(item)) return item;
  return undefined;
}
