import type { Replay } from "@postrider/sdk";
import { counted } from "./words.ts";

const barMax = 20;
const hint = "   Ctrl-C leaves it running";

/** The number of ended deliveries and the time since the first of them. */
export type Pace = { ended: number; ms: number };

/** Draws a replay's progress in one line. Parts that do not fit are left out: the hint first, then the bar. */
export function progressOf(
  replay: Replay,
  { columns, pace }: { columns: number; pace: Pace },
): string {
  const { matching, delivered, failed } = replay;
  if (matching === null) return fits(["Counting what matches …", hint], columns);
  const ended = endedOf(replay);
  const counts = `${ended} / ${matching}   delivered ${delivered}, failed ${failed}`;
  const left = secondsLeft(replay, pace);
  const rest = left === undefined ? "" : `   ${left} s left`;
  const filled = matching === 0 ? barMax : Math.floor((barMax * ended) / matching);
  const bar = `${"█".repeat(filled)}${"░".repeat(barMax - filled)}  `;
  const room = columns - 1;
  return (
    [
      `Replaying  ${bar}${counts}${rest}${hint}`,
      `Replaying  ${bar}${counts}${rest}`,
      `Replaying  ${counts}${rest}`,
      counts,
    ].find((line) => line.length <= room) ?? `${ended} / ${matching}`
  );
}

const fits = ([first = "", second = ""]: string[], columns: number): string =>
  first.length + second.length < columns ? first + second : first;

/** The number of its deliveries that have ended or were skipped. */
export const endedOf = ({ delivered, failed, skipped }: Replay): number =>
  delivered + failed + skipped;

/** The seconds that are left at the pace so far; undefined before there is a pace. */
function secondsLeft(replay: Replay, pace: Pace): number | undefined {
  const left = (replay.matching ?? 0) - endedOf(replay);
  if (left <= 0 || pace.ended === 0 || pace.ms === 0) return undefined;
  const perSecond = Math.min(replay.rate_per_second, pace.ended / (pace.ms / 1_000));
  return Math.max(1, Math.ceil(left / perSecond));
}

/** Describes the result of a replay in a sentence. */
export function replayEnd({ state, matching, delivered, failed, skipped }: Replay): string {
  if (matching === 0) return "Nothing matched any more.";
  const parts = [
    `${new Intl.NumberFormat("en").format(delivered)} delivered`,
    failed > 0 ? `${failed} failed` : "",
    skipped > 0
      ? `${skipped} passed over (the payload is gone, the endpoint is disabled, or it waits by now)`
      : "",
  ].filter((part) => part !== "");
  return `${state === "cancelled" ? "Cancelled after " : ""}${parts.join(", ")}.`;
}

/** Says what a replay would do before it does it. */
export function replayQuestion(
  { matching, oldest }: { matching: number; oldest: string | null },
  {
    only,
    ratePerSecond,
    at,
  }: { only: "failed" | "all"; ratePerSecond: number; at: (iso: string) => string },
): string {
  const kind = only === "failed" ? "failed " : "";
  const what = counted(matching, `${kind}delivery`, `${kind}deliveries`);
  const since = oldest === null ? "" : `, the oldest from ${at(oldest)}`;
  return `${what}${since}. Replay ${matching === 1 ? "it" : "them"} at ${ratePerSecond} a second (about ${lasts(matching / ratePerSecond)})?`;
}

function lasts(seconds: number): string {
  if (seconds < 100) return `${Math.max(1, Math.ceil(seconds))} s`;
  return seconds < 6_000 ? `${Math.ceil(seconds / 60)} min` : `${Math.ceil(seconds / 3_600)} h`;
}
