import type { FastifyReply, FastifyRequest } from "fastify";
import Type, { type TSchema } from "typebox";
import { startReplay, tryReplay } from "../actions/replay.ts";
import type { ReplaySearch } from "../db/replay-search.ts";
import type { Replay } from "../db/replays.ts";
import { type ReplayedKind, ratePerSecond, replayedKinds, replayStates } from "../domain/replay.ts";
import { DeliveryFilterBody, deliveryFilterAnswer } from "./delivery-filter.ts";
import type { ApiDeps } from "./deps.ts";
import { EventFilterBody, eventFilterAnswer } from "./event-filter.ts";
import { nullable, Timestamp } from "./fields.ts";
import { acting } from "./request.ts";

/** The body that starts a replay or asks for a dry run. */
export const replayBody = <Filter extends TSchema>(filter: Filter, title: string) =>
  Type.Object(
    {
      filter,
      only: Type.Optional(Type.Enum([...replayedKinds], { default: "failed" })),
      dry_run: Type.Optional(Type.Boolean({ default: false })),
      rate_per_second: Type.Optional(
        Type.Integer({ minimum: 1, maximum: ratePerSecond.max, default: ratePerSecond.standard }),
      ),
    },
    { additionalProperties: false, title },
  );

const Count = Type.Integer({ minimum: 0 });

/** The schema of a replay. */
export const ReplayAnswer = Type.Object(
  {
    id: Type.String(),
    state: Type.Enum([...replayStates]),
    filter: Type.Union([DeliveryFilterBody, EventFilterBody], {
      description:
        "The filter as it was sent, with the parameter names of its route. Repeatable parameters are lists.",
    }),
    only: Type.Enum([...replayedKinds]),
    rate_per_second: Type.Integer(),
    matching: Type.Union([Count, Type.Null()], { description: "Null until they are counted." }),
    replayed: Type.Integer({ minimum: 0, description: "Deliveries made due so far." }),
    skipped: Type.Integer({
      minimum: 0,
      description:
        "Deliveries that were skipped: the payload is past its retention, the endpoint is disabled or deleted, or the delivery is already waiting.",
    }),
    delivered: Type.Integer({
      minimum: 0,
      description: "Replayed deliveries that ended as delivered.",
    }),
    failed: Type.Integer({
      minimum: 0,
      description: "Replayed deliveries that ended as failed or were erased meanwhile.",
    }),
    created_at: Timestamp,
    started_at: nullable(Timestamp),
    finished_at: nullable(Timestamp),
    actor: Type.String({ description: "The id of the API key or session that requested it." }),
  },
  { title: "Replay" },
);

const DryRun = Type.Object(
  { matching: Count, oldest: nullable(Timestamp), newest: nullable(Timestamp) },
  { title: "ReplayDryRun" },
);

/** The answers of the routes that start a replay. */
export const replayAnswers = { 200: DryRun, 202: ReplayAnswer };

/** The description that both routes share. */
export const replayPromise = `Replays the matching deliveries that existed when the replay was requested: with \`only: failed\` the failed deliveries, with \`all\` the delivered ones as well. Waiting deliveries are not changed. Each delivery keeps its \`webhook-id\` and its bytes, and gets one more attempt. At most \`rate_per_second\` attempts start per second, and they use at most half of the slots that an endpoint's own traffic leaves free. With \`dry_run\` no replay is made: the answer is a 200 with the number of matches and the times of the first and the last one. A team may have 10 unfinished replays; they are kept for 30 days.`;

type Asked = {
  only?: ReplayedKind;
  dry_run?: boolean;
  rate_per_second?: number;
};

/** Starts the replay of a body, or makes a dry run. */
export async function answerReplay(
  deps: ApiDeps,
  request: Pick<FastifyRequest, "caller" | "id" | "newId">,
  reply: FastifyReply,
  { search, only = "failed", dry_run, rate_per_second }: Asked & { search: ReplaySearch },
) {
  const { teamId, database, actorId } = request.caller;
  if (dry_run) {
    const { matching, oldest, newest } = await tryReplay(database, {
      teamId,
      search,
      which: only,
    });
    const at = (time: Date | null) => time?.toISOString() ?? null;
    return { matching, oldest: at(oldest), newest: at(newest) };
  }
  const replay = await startReplay(acting(deps, request, "replay.started"), {
    teamId,
    id: request.newId(),
    search,
    which: only,
    ratePerSecond: rate_per_second ?? ratePerSecond.standard,
    actor: actorId,
  });
  reply.status(202);
  return replayAnswer(replay);
}

/** Makes the answer of a replay. */
export const replayAnswer = (replay: Replay) => ({
  id: replay.id,
  state: replay.state,
  filter:
    "events" in replay.search
      ? eventFilterAnswer(replay.search.events)
      : deliveryFilterAnswer(replay.search.deliveries),
  only: replay.which,
  rate_per_second: replay.ratePerSecond,
  matching: replay.matching,
  replayed: replay.replayed,
  skipped: replay.skipped,
  delivered: replay.delivered,
  failed: replay.failed,
  created_at: replay.createdAt.toISOString(),
  started_at: replay.startedAt?.toISOString() ?? null,
  finished_at: replay.finishedAt?.toISOString() ?? null,
  actor: replay.createdBy,
});
