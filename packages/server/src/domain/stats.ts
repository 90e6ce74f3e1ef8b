/** The lengths of a bucket of statistics. */
export const statsSteps = ["minute", "hour", "day"] as const;
export type StatsStep = (typeof statsSteps)[number];

/** The most buckets of one answer: no chart shows more. */
export const bucketsMax = 1_500;

const stepMs: Readonly<Record<StatsStep, number>> = {
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
};

/** The requested period: `from` (included) to `to` (excluded). Null: `from` is a day before the end, `to` is now. */
export type StatsSpan = { from: Date | null; to: Date | null };

/** Buckets by their beginnings, or why the request is refused. */
export type Buckets = { beginnings: Date[]; end: Date } | "backwards" | "too_many";

/** The whole buckets (UTC) that a span touches, oldest first. */
export function bucketsOf(span: StatsSpan, step: StatsStep, now: Date): Buckets {
  const length = stepMs[step];
  const toMs = (span.to ?? now).getTime();
  const fromMs = span.from?.getTime() ?? toMs - stepMs.day;
  if (fromMs >= toMs) return "backwards";
  const first = Math.floor(fromMs / length);
  const count = Math.ceil(toMs / length) - first;
  if (count > bucketsMax) return "too_many";
  return {
    beginnings: Array.from({ length: count }, (_, n) => new Date((first + n) * length)),
    end: new Date((first + count) * length),
  };
}
