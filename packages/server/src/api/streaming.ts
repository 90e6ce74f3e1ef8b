import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import { AppError } from "../errors.ts";
import { mayStillRead } from "./auth.ts";
import type { ApiDeps } from "./deps.ts";

/** The most open streams of each kind: of a team on one process, and of a process. */
export const streamsMax = { team: 100, process: 1_000 };
/** Something is sent at least this often, because proxies close silent connections. */
export const heartbeatMs = 10_000;
/** After this time, a stream whose key was revoked gets nothing more. */
const keyCheckedMs = 2_000;

/** The headers of a stream: a buffering proxy would delay events. */
export const streamHeaders = {
  "content-type": "text/event-stream",
  "x-accel-buffering": "no",
  // No request follows a stream, so a stopping process need not wait for its connection.
  connection: "close",
};

/** Sends a stream's text as it comes. A stream that fails is closed; its reader reconnects and continues where it was. */
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

/** Says whether the caller may still read; it checks the key again every two seconds. */
export function openKeyCheck(deps: ApiDeps, request: FastifyRequest): () => Promise<boolean> {
  let checkedAtMs = performance.now();
  return async () => {
    if (performance.now() - checkedAtMs < keyCheckedMs) return true;
    checkedAtMs = performance.now();
    return await mayStillRead(deps, request);
  };
}

/** Counts the open streams, and refuses those over the limits. */
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
