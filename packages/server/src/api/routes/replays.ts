import type { FastifyInstance } from "fastify";
import Type from "typebox";
import { endReplay } from "../../actions/replay.ts";
import { findReplay, listReplays, type Replay } from "../../db/replays.ts";
import { AppError } from "../../errors.ts";
import { nextCursorField } from "../cursor.ts";
import { DeliveryFilterBody, deliveryFilterOf } from "../delivery-filter.ts";
import type { ApiDeps } from "../deps.ts";
import { PathId } from "../fields.ts";
import { askedByCursor, cursorOnlyQuery } from "../paging.ts";
import { keptTo, mayReach, withinEndpoints } from "../portal.ts";
import {
  answerReplay,
  ReplayAnswer,
  replayAnswer,
  replayAnswers,
  replayBody,
  replayPromise,
} from "../replay-request.ts";
import { acting, type Caller, type TypeBox } from "../request.ts";

const params = Type.Object({ replay_id: PathId });
const tags = ["Replays"];
const path = "/v1/replays";

/** Replays of all contracts: start, dry run, list, read and cancel. */
export function replayRoutes(fastify: FastifyInstance, deps: ApiDeps): void {
  const app = fastify.withTypeProvider<TypeBox>();

  app.post(
    path,
    {
      config: { scope: "write" },
      schema: {
        operationId: "startReplay",
        summary: "Replays the deliveries of all contracts that match a filter",
        description: `${replayPromise} \`filter\` is that of GET /v1/deliveries; a repeatable filter is a value or a list. A message of a call is replayed independently of the call's other messages; none of them waits for it.`,
        tags,
        body: replayBody(DeliveryFilterBody, "ReplayStart"),
        response: replayAnswers,
      },
    },
    async (request, reply) => {
      const { filter, ...asked } = request.body;
      const deliveries = keptTo(request.caller, deliveryFilterOf(filter, ["body", "filter"]));
      if (deliveries.subscriptionIds?.length === 0) {
        throw new AppError("not_found", "The portal link does not reach any of these endpoints.");
      }
      return await answerReplay(deps, request, reply, { ...asked, search: { deliveries } });
    },
  );

  app.get(
    path,
    {
      config: { scope: "read" },
      schema: {
        operationId: "listReplays",
        summary: "Lists replays, newest first",
        tags,
        querystring: Type.Object(cursorOnlyQuery, { additionalProperties: false }),
        response: { 200: Type.Object({ replays: Type.Array(ReplayAnswer), ...nextCursorField }) },
      },
    },
    async ({ query, caller }) => {
      const list = { keyring: deps.keyring, caller, name: "replays", filter: {} };
      const { page, told } = askedByCursor(list, query);
      const { rows, ...read } = await listReplays(
        caller.database,
        caller.teamId,
        withinEndpoints(caller, null),
        page,
      );
      return { replays: rows.map(replayAnswer), ...told(read) };
    },
  );

  app.get(
    `${path}/:replay_id`,
    {
      config: { scope: "read" },
      schema: {
        operationId: "getReplay",
        summary: "Gets a replay and its progress",
        description:
          "A replay is `done` when every delivery that it made due has ended. After a cancellation, `delivered` and `failed` grow until these deliveries have ended.",
        tags,
        params,
        response: { 200: ReplayAnswer },
      },
    },
    async ({ params, caller }) => {
      const replay = await findReplay(caller.database.sql, caller.teamId, params.replay_id);
      if (!replay || !isWithin(caller, replay)) throw new AppError("not_found");
      return replayAnswer(replay);
    },
  );

  app.post(
    `${path}/:replay_id/cancel`,
    {
      config: { scope: "write" },
      schema: {
        operationId: "cancelReplay",
        summary: "Cancels a replay: no more deliveries become due",
        description:
          "Deliveries that it has already made due continue. An ended replay stays as it is.",
        tags,
        params,
        response: { 200: ReplayAnswer },
      },
    },
    async (request) => {
      const { params, caller } = request;
      const { database, teamId } = caller;
      const found = await findReplay(database.sql, teamId, params.replay_id);
      if (!found || !isWithin(caller, found)) throw new AppError("not_found");
      const replay = await endReplay(acting(deps, request, "replay.cancelled"), {
        teamId: caller.teamId,
        id: params.replay_id,
      });
      return replayAnswer(replay);
    },
  );
}

/** Whether a replay has only endpoints that the caller may reach. */
const isWithin = (caller: Caller, { search }: Pick<Replay, "search">): boolean =>
  mayReach(caller, "deliveries" in search ? search.deliveries.subscriptionIds : null);
