import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import { AppError } from "../errors.ts";
import { mayStillRead } from "./auth.ts";
import type { ApiDeps } from "./deps.ts";

/** Streams that a team can have open on one process, and that a process serves in all, of each kind. */
export const streamsMax = { team: 100, process: 1_000 };
/** Something is sent so often at the least: proxies close connections on which nothing comes. */
export const heartbeatMs = 10_000;
/** Whose key was revoked gets nothing more after this time. */
const keyCheckedMs = 2_000;

/** The headers of a stream. A proxy that gathers answers would keep events back. */
export const streamHeaders = {
  "content-type": "text/event-stream",
  "x-accel-buffering": "no",
  // Nothing follows a stream: whoever stops need not wait for its connection.
  connection: "close",
};

/** Sends a stream's text as it comes; one that fails is ended: whoever reads it comes again and goes on where it was. */
export function sendStream(
  reply: FastifyReply,
  events: AsyncGenerator<string>,
  { log }: Pick<ApiDeps, "log">,
): FastifyReply {
  async function* untilItFails() {
    try {
      yield* events;
    } catch (err) {
      log.warn({ err }, "a stream was ended");
    }
  }
  return reply.send(Readable.from(untilItFails(), { objectMode: false }));
}

/** Says whether somebody may still read, asking again when that was last done two seconds ago. */
export function openKeyCheck(deps: ApiDeps, request: FastifyRequest): () => Promise<boolean> {
  let checkedAtMs = performance.now();
  return async () => {
    if (performance.now() - checkedAtMs < keyCheckedMs) return true;
    checkedAtMs = performance.now();
    return await mayStillRead(deps, request);
  };
}

/** Counts the open streams, and refuses one too many. */
export function openStreamCounts(): { take(teamId: string): () => void } {
  const taken = new Map<string, number>();
  let count = 0;
  return {
    take(teamId) {
      const own = taken.get(teamId) ?? 0;
      if (own >= streamsMax.team) {
        const detail = `The team has ${streamsMax.team} streams open on this process; close some of them.`;
        throw new AppError("rate_limited", detail);
      }
      if (count >= streamsMax.process) throw new AppError("overloaded");
      count += 1;
      taken.set(teamId, own + 1);
      return () => {
        count -= 1;
        const left = (taken.get(teamId) ?? 1) - 1;
        if (left === 0) taken.delete(teamId);
        else taken.set(teamId, left);
      };
    },
  };
}
