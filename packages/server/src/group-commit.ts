import { AppError } from "./errors.ts";
import { openPace } from "./pace.ts";

/** The outcome of one item in a commit: its result, or its own error. */
export type Settled<Result> = { result: Result } | { error: unknown };

export type GroupCommitOptions<Item, Result> = {
  /** The most batches that may be committed at once. */
  lanes: number;
  /** How long a commit may take before the next batch is committed at the same time. */
  patienceMs: number;
  /** The most items in a batch. */
  batchMax: number;
  /** The largest weight of a batch; one item always fits. */
  weightMax: number;
  /** The most items that may wait; further ones are refused by `submit`. */
  waitingMax: number;
  weigh: (item: Item) => number;
  /** Says whether a single item may have caused an error; then each item of the batch is committed alone. */
  mayBeOneItem: (error: unknown) => boolean;
  /** Says whether an error is a timeout; then items that are committed alone do not each wait for it again. */
  waitedInVain?: (error: unknown) => boolean;
  /** Lets batches grow under load; without it, every item is committed as soon as a lane is free. */
  gather?: Gathering;
  /** Commits a batch, all or nothing. Results are in the order of the items. */
  commit: (items: Item[]) => Promise<Settled<Result>[]>;
};

/** From `fromPerSecond` items a second on, a batch waits until it holds `batchMin`, but no longer than `msMax`. */
export type Gathering = { fromPerSecond: number; batchMin: number; msMax: number };

export type GroupCommit<Item, Result> = {
  /** Joins the next batch; resolves when that batch is committed. Refuses with `overloaded` when too many wait. */
  submit(item: Item): Promise<Result>;
  readonly waiting: number;
  /** Resolves when no item waits or is being committed. */
  idle(): Promise<void>;
};

type Waiting<Item, Result> = {
  item: Item;
  weight: number;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
};

/**
 * Lets concurrent callers share one transaction.
 *
 * If no commit is running, an item is committed at once, even alone; during a commit, the next batch grows. So the batch
 * size follows the load, and an idle service answers fastest. A second lane is used only when the first takes long: two
 * commits that wait for each other cost more than one that is twice as large. Only with `gather`, and only under load, a
 * free lane waits a moment for more items.
 */
export function openGroupCommit<Item, Result>(
  options: GroupCommitOptions<Item, Result>,
): GroupCommit<Item, Result> {
  let queue: Waiting<Item, Result>[] = [];
  let queueWeight = 0;
  let busyLanes = 0;
  let departureScheduled = false;
  let departedAtMs = 0;
  let losingPatience: NodeJS.Timeout | undefined;
  let gathering: NodeJS.Timeout | undefined;
  const pace = openPace();
  let onIdle: (() => void)[] = [];

  function takeBatch(): Waiting<Item, Result>[] {
    let weight = 0;
    let count = 0;
    for (const waiting of queue) {
      if (count === options.batchMax) break;
      if (count > 0 && weight + waiting.weight > options.weightMax) break;
      weight += waiting.weight;
      count++;
    }
    queueWeight -= weight;
    const batch = queue.slice(0, count);
    queue = queue.slice(count);
    return batch;
  }

  /** Commits a batch, and returns its error, if it failed. */
  async function run(batch: Waiting<Item, Result>[]): Promise<unknown> {
    try {
      const settled = await options.commit(batch.map(({ item }) => item));
      batch.forEach((waiting, index) => {
        const one = settled[index];
        if (one === undefined) waiting.reject(new Error("the commit lost an item"));
        else if ("error" in one) waiting.reject(one.error);
        else waiting.resolve(one.result);
      });
      return undefined;
    } catch (error) {
      if (batch.length > 1 && options.mayBeOneItem(error)) await runOneByOne(batch);
      else for (const waiting of batch) waiting.reject(error);
      return error;
    }
  }

  async function runOneByOne(batch: Waiting<Item, Result>[]): Promise<void> {
    let failure: unknown;
    for (const waiting of batch) {
      // A timeout of one item would also hit the others; their callers may try again later.
      if (failure !== undefined && options.waitedInVain?.(failure)) waiting.reject(failure);
      else failure = await run([waiting]);
    }
  }

  function depart(): void {
    departureScheduled = false;
    if (queue.length === 0 || !laneIsOpen()) return;
    busyLanes++;
    departedAtMs = performance.now();
    run(takeBatch()).then(() => {
      busyLanes--;
      if (queue.length > 0) scheduleDeparture();
      else if (busyLanes === 0) {
        for (const resolve of onIdle) resolve();
        onIdle = [];
      }
    });
    if (queue.length > 0) scheduleDeparture();
  }

  // After the callbacks that are ready now, so that requests of one turn of the event loop share a batch.
  function scheduleDeparture(): void {
    if (departureScheduled || !laneIsOpen() || gathersMore()) return;
    clearTimeout(gathering);
    gathering = undefined;
    departureScheduled = true;
    setImmediate(depart);
  }

  /** Says whether a batch may be committed now; sets a timer if it may be a little later. */
  function laneIsOpen(): boolean {
    clearTimeout(losingPatience);
    if (busyLanes === 0) return true;
    if (busyLanes === options.lanes) return false;
    // A full batch need not wait.
    if (queue.length >= options.batchMax || queueWeight >= options.weightMax) return true;
    const leftMs = departedAtMs + options.patienceMs - performance.now();
    if (leftMs > 0) losingPatience = setTimeout(scheduleDeparture, Math.ceil(leftMs));
    return leftMs <= 0;
  }

  /** Says whether the batch should wait for more items; then it sets a timer. */
  function gathersMore(): boolean {
    const { gather } = options;
    if (!gather || queue.length >= gather.batchMin) return false;
    if (gathering) return true;
    if (pace.perSecond() < gather.fromPerSecond) return false;
    gathering = setTimeout(() => {
      gathering = undefined;
      depart();
    }, gather.msMax);
    return true;
  }

  return {
    submit(item) {
      if (queue.length >= options.waitingMax) return Promise.reject(new AppError("overloaded"));
      return new Promise((resolve, reject) => {
        const weight = options.weigh(item);
        queue.push({ item, weight, resolve, reject });
        queueWeight += weight;
        if (options.gather) pace.count();
        scheduleDeparture();
      });
    },
    get waiting() {
      return queue.length;
    },
    idle() {
      if (busyLanes === 0 && queue.length === 0) return Promise.resolve();
      return new Promise((resolve) => onIdle.push(resolve));
    },
  };
}
