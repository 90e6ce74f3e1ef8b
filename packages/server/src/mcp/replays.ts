import { createHash } from "node:crypto";
import type { Replay, ReplayDryRun, ReplayStart } from "@postrider/sdk";
import { z } from "zod";
import { counted } from "./cuts.ts";
import { filterInput, filterOf } from "./deliveries.ts";
import { defineTool, type ToolContext, ToolRefusal } from "./tool.ts";

/** The text that confirms a dry run: the count, and a digest of the filter and of the result. */
export function confirmationOf(
  body: Pick<ReplayStart, "filter" | "only" | "rate_per_second">,
  { matching, oldest, newest }: ReplayDryRun,
): string {
  const { filter, only, rate_per_second } = body;
  const sorted = Object.entries(filter).sort(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify([sorted, only, rate_per_second, matching, oldest, newest]);
  return `${matching}-${createHash("sha256").update(text).digest("hex").slice(0, 8)}`;
}

/** Replays matching deliveries after a confirmed dry run. */
export const replayDeliveries = defineTool({
  name: "replay_deliveries",
  title: "Replay deliveries",
  description:
    "Delivers again what matches a filter: the failed deliveries, or with only=all those that were delivered as well. Without `confirm` it is a dry run: it counts, changes nothing, and answers with the text that confirms exactly this replay. Tell the person the count before you confirm, and repeat the call with the same filter and `confirm`. A filter needs an `endpoint`, a `subject_id` or a `from`. With `replay_id` alone it shows how a replay that was started stands.",
  input: z.strictObject({
    ...filterInput,
    only: z.enum(["failed", "all"]).default("failed"),
    rate_per_second: z.int().min(1).max(1_000).optional(),
    confirm: z.string().max(40).optional().describe("The `confirm` of the dry run's answer."),
    replay_id: z.string().max(24).optional().describe("A replay to look at; starts nothing."),
  }),
  needs: "write",
  effects: { destructive: true, idempotent: false },
  async run({ only, rate_per_second, confirm, replay_id, ...given }, context) {
    const { client, signal } = context;
    if (replay_id !== undefined) {
      return { replay: shortReplay(await client.replays.get(replay_id, { signal })) };
    }
    const filter = await filterOf(context, given);
    if (!filter.endpoint_id && filter.subject_id === undefined && filter.from === undefined) {
      throw new ToolRefusal(
        "This would replay deliveries to every endpoint since the beginning. Name an endpoint, a subject_id, or a time from which on.",
      );
    }
    const body = {
      filter,
      only,
      ...(rate_per_second !== undefined && { rate_per_second }),
    } as Omit<ReplayStart, "dry_run">;
    const found = await client.replays.dryRun(body, { signal });
    const expected = confirmationOf(body, found);
    if (confirm === expected && found.matching > 0) return await start(context, body);
    return { summary: tellDryRun(found, confirm), dry_run: { ...found, confirm: expected } };
  },
});

function tellDryRun({ matching, oldest, newest }: ReplayDryRun, confirm: string | undefined) {
  if (matching === 0) return "Nothing matches: there is nothing to deliver again.";
  const stale =
    confirm === undefined
      ? ""
      : "This `confirm` does not fit: the filter is another one, or other deliveries match by now. With `to` the count stays the same. ";
  return `${stale}Dry run, nothing was delivered: ${counted(matching, "delivery matches", "deliveries match")}, made from ${oldest} to ${newest}. To deliver them again, repeat the call with the same filter and this \`confirm\`.`;
}

const waitedMsMax = 8_000;

async function start(
  { client, signal }: ToolContext,
  body: Omit<ReplayStart, "dry_run">,
): Promise<object> {
  const started = await client.replays.start(body, { signal });
  const enough = AbortSignal.timeout(waitedMsMax);
  const replay = await started
    .done({ signal: AbortSignal.any([signal, enough]) })
    .catch((error) => {
      if (!enough.aborted || signal.aborted) throw error;
      return client.replays.get(started.id, { signal });
    });
  const told = `${replay.replayed} of ${replay.matching ?? "the matching"} were made due; ${replay.delivered} were delivered, ${replay.failed} failed, ${replay.skipped} were passed over.`;
  const goesOn =
    replay.finished_at === null ? " It goes on: look again with `replay_id` alone." : "";
  return { summary: `Replay ${replay.state}: ${told}${goesOn}`, replay: shortReplay(replay) };
}

const shortReplay = ({ id, state, only, matching, replayed, ...replay }: Replay) => ({
  id,
  state,
  only,
  matching,
  replayed,
  delivered: replay.delivered,
  failed: replay.failed,
  skipped: replay.skipped,
  created_at: replay.created_at,
  finished_at: replay.finished_at,
});
