import { InvalidArgumentError } from "commander";

const unitsMs: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/**
 * Reads a point in time as people write it, and gives it as RFC 3339: `90s`, `30m`, `1h`, `2d` or `1w` ago, `10:41` or
 * `10:41:07` by this machine's clock, `2026-11-30` or RFC 3339 in full. Undefined for anything else.
 *
 * A time of day that is later than now means yesterday's.
 */
export function parseSince(text: string, nowMs: number): string | undefined {
  const ago = /^(\d{1,6})(s|m|min|h|d|w)$/.exec(text);
  if (ago) return printed(nowMs - Number(ago[1]) * (unitsMs[(ago[2] ?? "").charAt(0)] ?? 0));
  const clock = /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(text);
  if (clock)
    return timeOfDay(
      clock.slice(1).map((part) => Number(part ?? 0)),
      nowMs,
    );
  if (/^\d{4}-\d{2}-\d{2}$/.test(text)) return localDay(text);
  const isWhole =
    /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})?$/i;
  return isWhole.test(text) ? printed(Date.parse(text.replace(" ", "T"))) : undefined;
}

/** Reads `--since` and `--until`. */
export function since(text: string): string {
  const at = parseSince(text.trim(), Date.now());
  if (at !== undefined) return at;
  throw new InvalidArgumentError(
    "a time is 30m, 1h or 2d ago, a time of day as 10:41, a day as 2026-11-30, or RFC 3339.",
  );
}

function timeOfDay([hours = 0, minutes = 0, seconds = 0]: number[], nowMs: number) {
  if (hours > 23 || minutes > 59 || seconds > 59) return undefined;
  const at = new Date(nowMs);
  at.setHours(hours, minutes, seconds, 0);
  if (at.getTime() > nowMs) at.setDate(at.getDate() - 1);
  return at.toISOString();
}

/** The beginning of a day by this machine's clock; undefined for the 31st of a shorter month. */
function localDay(text: string): string | undefined {
  const [year = 0, month = 0, day = 0] = text.split("-").map(Number);
  const at = new Date(year, month - 1, day);
  return at.getMonth() === month - 1 && at.getDate() === day ? at.toISOString() : undefined;
}

const printed = (ms: number): string | undefined =>
  Number.isNaN(ms) || ms < 0 ? undefined : new Date(ms).toISOString();
