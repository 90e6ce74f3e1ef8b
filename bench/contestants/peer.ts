import { createRequire } from "node:module";
import { webhookBodies } from "../facts.ts";
import { chunks, inLanes } from "../lanes.ts";
import type { Answer, SignedPoster } from "../post.ts";
import { hooks } from "./contestant.ts";

/** A delivery as a job: what a queue must keep to make one POST. */
export type Job = { path: string; id: string; body: string };

const jobsAtOnce = 1_000;
const addsAtOnce = 4;

/** Loads a package of bench/peers. Its types are the caller's word: the packages are not installed with the product. */
export function loadPeer<Package>(name: string): Package {
  return createRequire(new URL("../peers/package.json", import.meta.url))(name) as Package;
}

/**
 * A database URL whose connections plan with index scans, as ours do: in a database a minute old nothing is analysed
 * yet, and a queue's prepared statements would read its table from end to end for every job.
 */
export const planningWithIndexes = (databaseUrl: string): string =>
  `${databaseUrl}&options=${encodeURIComponent("-c enable_seqscan=off -c enable_sort=off -c enable_bitmapscan=off")}`;

/** Makes jobs for so many facts: one for each subscription. */
export const makeJobs = (facts: number, fanOut: number): Job[] =>
  webhookBodies(facts).flatMap(({ id, body }) => hooks(fanOut).map((path) => ({ path, id, body })));

/** Adds jobs in bulk, a thousand at once, four additions side by side, as ours adds its facts. */
export const addJobs = (jobs: readonly Job[], add: (jobs: Job[]) => Promise<unknown>) =>
  inLanes(chunks(jobs, jobsAtOnce), addsAtOnce, add);

/** Makes the POST of a job with the ceiling's code; throws unless the answer is 2xx. */
export const postJob = (poster: SignedPoster, { path, id, body }: Job): Promise<Answer> =>
  poster.post(path, id, Buffer.from(body));

/** Counts what is done and says when it is enough. */
export function openCounter(): { done(): void; untilDone(more: number): Promise<void> } {
  let missing = 0;
  let onDone = () => {};
  return {
    done() {
      if (--missing === 0) onDone();
    },
    untilDone(more) {
      missing = more;
      return new Promise((resolve) => {
        onDone = resolve;
      });
    },
  };
}
