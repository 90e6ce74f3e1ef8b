import type { FastifyInstance } from "fastify";
import Type from "typebox";
import {
  type ChangesPosition,
  readChanged,
  readChanges,
  readChangesStart,
} from "../../db/delivery-changes.ts";
import type { DeliverySearch } from "../../db/delivery-sought.ts";
import type { DeliverySummary } from "../../db/delivery-summaries.ts";
import { type ChangeWatch, openChangeWatch } from "../change-watch.ts";
import { openCursors } from "../cursor.ts";
import { deliveryAnswer } from "../delivery-answer.ts";
import { deliveryFilterOf, deliveryFilterQuery } from "../delivery-filter.ts";
import type { ApiDeps } from "../deps.ts";
import { keptTo } from "../portal.ts";
import type { Caller, TypeBox } from "../request.ts";
import {
  heartbeatMs,
  openKeyCheck,
  openStreamCounts,
  sendStream,
  streamHeaders,
  streamsMax,
} from "../streaming.ts";

/** The most deliveries that are read at once. */
const readMax = 500;

/** Deliveries of all contracts as they change, as server-sent events (WHATWG HTML, section 9.2). */
export function deliveryStreamRoutes(fastify: FastifyInstance, deps: ApiDeps): void {
  const app = fastify.withTypeProvider<TypeBox>();
  const watch = openChangeWatch({
    database: deps.database,
    onError: (err) => deps.log.warn({ err }, "changes of deliveries could not be read"),
  });
  const closing = new AbortController();
  app.addHook("preClose", async () => {
    closing.abort();
    watch.close();
  });
  const places = openStreamCounts();

  app.get(
    "/v1/deliveries/stream",
    {
      config: { scope: "read" },
      schema: {
        operationId: "streamDeliveries",
        summary: "Streams the deliveries of all contracts as they change",
        description: `Server-sent events, within two seconds of each change. \`event: delivery\` has the row as \`GET /v1/deliveries\` shows it in \`data\`; several quick changes can come as one event. To continue a stream, send the last \`id\` as \`Last-Event-ID\` with the same filters within ten minutes: you miss nothing, but may get recent changes again. After a longer time, \`event: gap\` says that you may have missed changes, and the stream continues from now. The start of an attempt is not a change. The stream sends something at least every ${heartbeatMs / 1_000} seconds. A team can have ${streamsMax.team} streams open on each process.`,
        tags: ["Deliveries"],
        headers: Type.Object({ "last-event-id": Type.Optional(Type.String({ maxLength: 8192 })) }),
        querystring: Type.Object(deliveryFilterQuery, { additionalProperties: false }),
        response: {
          200: Type.String({
            description: "Events, for as long as the connection lasts.",
            contentMediaType: "text/event-stream",
          }),
        },
      },
    },
    async (request, reply) => {
      const { query, caller, headers, method } = request;
      const filter = keptTo(caller, deliveryFilterOf(query));
      const cursors = openCursors<ChangesPosition>(deps.keyring, caller, {
        name: "deliveries/stream",
        filter,
      });
      const given = cursors.read(headers["last-event-id"] || undefined, [
        "header",
        "last-event-id",
      ]);
      reply.headers(streamHeaders);
      if (method === "HEAD") return reply.send("");

      const { sql } = caller.database;
      const free = places.take(caller.teamId);
      const gone = new AbortController();
      reply.raw.once("close", () => {
        gone.abort();
        free();
      });
      const start = given ?? (await readChangesStart(sql));
      const events = streamOf({
        caller,
        filter,
        watch,
        idOf: cursors.print,
        stop: AbortSignal.any([gone.signal, closing.signal]),
        mayRead: openKeyCheck(deps, request),
      })(start);
      return sendStream(reply, events, deps);
    },
  );
}

type Stream = {
  caller: Caller;
  filter: DeliverySearch;
  watch: ChangeWatch;
  /** A position as the id of an event. */
  idOf: (position: ChangesPosition) => string;
  stop: AbortSignal;
  mayRead: () => Promise<boolean>;
};

/** Makes a stream's text from a position on, until it is stopped. It waits for slow readers. */
const streamOf = ({ caller, filter, watch, idOf, stop, mayRead }: Stream) =>
  async function* (start: ChangesPosition): AsyncGenerator<string> {
    const { teamId, database } = caller;
    let position = start;
    yield `retry: 1000\nid: ${idOf(position)}\n\n`;
    while (!stop.aborted) {
      const page = await readChanges(database.sql, teamId, position);
      if (!(await mayRead())) return;
      if (!page) {
        position = await readChangesStart(database.sql);
        yield `event: gap\nid: ${idOf(position)}\ndata: {}\n\n`;
        continue;
      }
      for (let from = 0; from < page.deliveryIds.length; from += readMax) {
        const ids = page.deliveryIds.slice(from, from + readMax);
        const rows = await readChanged(database.sql, teamId, filter, ids);
        // A reader can continue only from the end of a page.
        if (rows.length > 0) yield rows.map((row) => deliveryEvent(row, idOf(position))).join("");
      }
      position = page.position;
      // A client ignores an event without data, but stores its id.
      yield `: alive\nid: ${idOf(position)}\n\n`;
      if (page.more) continue;
      await watch.next({ teamId, snapshot: position.since.snapshot }, heartbeatMs, stop);
    }
  };

const deliveryEvent = (row: DeliverySummary, id: string): string =>
  `event: delivery\nid: ${id}\ndata: ${JSON.stringify(deliveryAnswer(row))}\n\n`;
