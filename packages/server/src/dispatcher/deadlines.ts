const unarmed = -1;
const bucketCount = 1024;

/** Something with a deadline: `expire` is called when its time is up. It has at most one deadline at a time. */
export abstract class Expiring {
  /** These fields belong to the `Deadlines` that it is armed in. */
  dueTick = unarmed;
  previous: Expiring | undefined = undefined;
  next: Expiring | undefined = undefined;

  abstract expire(): void;
}

/** A set of deadlines on the monotonic clock; each ends up to two ticks late, never early. */
export type Deadlines = {
  /** Gives `expiring` a deadline `delayMs` from now, and replaces an earlier one. */
  arm(expiring: Expiring, delayMs: number): void;
  /** Takes its deadline away, if it has one. */
  disarm(expiring: Expiring): void;
  /** Forgets every deadline. */
  close(): void;
};

/**
 * Opens a set of deadlines that shares one coarse timer.
 *
 * A timer or an AbortSignal for each request costs more than the request; a wheel of buckets
 * linked through their members is cheap and leaves no garbage. The timer runs only while something is armed and
 * never keeps the process alive. Members with longer delays than one turn of the wheel stay in their bucket
 * for further turns.
 */
export function openDeadlines(tickMs = 25): Deadlines {
  const buckets = Array.from({ length: bucketCount }, () => new BucketHead());
  const bucketOf = (tick: number) => buckets[tick % bucketCount] as BucketHead;
  const tickNow = () => Math.floor(performance.now() / tickMs);
  let armedCount = 0;
  let lastTick = tickNow();
  let timer: NodeJS.Timeout | undefined;

  function disarm(expiring: Expiring) {
    if (expiring.dueTick === unarmed) return;
    if (expiring.previous) expiring.previous.next = expiring.next;
    if (expiring.next) expiring.next.previous = expiring.previous;
    expiring.previous = undefined;
    expiring.next = undefined;
    expiring.dueTick = unarmed;
    armedCount -= 1;
  }

  function stop() {
    clearInterval(timer);
    timer = undefined;
  }

  function advance() {
    const now = tickNow();
    // After a long pause one turn is enough: it visits every bucket.
    for (let tick = Math.max(lastTick + 1, now - bucketCount + 1); tick <= now; tick += 1) {
      for (const expiring of dueIn(bucketOf(tick), now)) {
        // A member that expired just now may have disarmed this one or armed it again.
        if (expiring.dueTick === unarmed || expiring.dueTick > now) continue;
        disarm(expiring);
        expiring.expire();
      }
    }
    lastTick = now;
    if (armedCount === 0) stop();
  }

  return {
    arm(expiring, delayMs) {
      disarm(expiring);
      timer ??= setInterval(advance, tickMs).unref();
      expiring.dueTick = Math.floor((performance.now() + Math.max(0, delayMs)) / tickMs) + 1;
      const head = bucketOf(expiring.dueTick);
      expiring.previous = head;
      expiring.next = head.next;
      if (head.next) head.next.previous = expiring;
      head.next = expiring;
      armedCount += 1;
    },
    disarm,
    close() {
      stop();
      for (const bucket of buckets) {
        for (const expiring of dueIn(bucket, Number.POSITIVE_INFINITY)) disarm(expiring);
      }
    },
  };
}

/** Starts the list of a bucket. */
class BucketHead extends Expiring {
  expire() {}
}

function dueIn(head: BucketHead, tick: number): Expiring[] {
  const due: Expiring[] = [];
  for (let each = head.next; each; each = each.next) if (each.dueTick <= tick) due.push(each);
  return due;
}
