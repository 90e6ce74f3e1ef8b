// Contract A's words: a delivery is an event; it replays "events" with the filters of its own list.
import type { FastifyInstance } from "fastify";
import type { ApiDeps } from "../deps.ts";
import { EventFilterBody, eventFilterOf } from "../event-filter.ts";
import { answerReplay, replayAnswers, replayBody, replayPromise } from "../replay-request.ts";
import type { TypeBox } from "../request.ts";

/** Contract A: starts a replay; /v1/replays lists it too. */
export function workflowWebhookReplayRoutes(fastify: FastifyInstance, deps: ApiDeps): void {
  fastify.withTypeProvider<TypeBox>().post(
    "/workflows/v1/workflow-webhooks/events/replay",
    {
      config: { scope: "write" },
      schema: {
        operationId: "replayWorkflowWebhookEvents",
        summary: "Replays the deliveries that match a filter",
        description: `${replayPromise} \`filter\` has the names of this contract's list of events. The replay is one of /v1/replays: its progress is read and it is cancelled there.`,
        tags: ["Workflow webhook events"],
        body: replayBody(EventFilterBody, "WorkflowWebhookReplayStart"),
        response: replayAnswers,
      },
    },
    async (request, reply) => {
      const { filter, ...asked } = request.body;
      const events = eventFilterOf(filter, ["body", "filter"]);
      return await answerReplay(deps, request, reply, { ...asked, search: { events } });
    },
  );
}
