import { usePreferences } from "../shell/preferences.tsx";
import { age, clock, dateTime, duration, moment } from "../words/times.ts";
import { useNow } from "./ticking.ts";

type At = { at: string };

/** How long ago something was; the full time on hover. */
export function Age({ at }: At) {
  return (
    <time dateTime={at} title={at}>
      {age(at, useNow())}
    </time>
  );
}

/** The time of day with milliseconds; the full time on hover. */
export function Clock({ at }: At) {
  const { zone } = usePreferences();
  return (
    <time dateTime={at} title={at}>
      {clock(at, zone)}
    </time>
  );
}

/** The hour and minute, and the date unless it is today's. */
export function Moment({ at }: At) {
  const { zone } = usePreferences();
  return (
    <time dateTime={at} title={at}>
      {moment(at, zone, useNow())}
    </time>
  );
}

/** Date and time to the second. */
export function DateTime({ at }: At) {
  const { zone } = usePreferences();
  return (
    <time dateTime={at} title={at}>
      {dateTime(at, zone)}
    </time>
  );
}

/** How long it takes until something happens; `due` once it should have. */
export function Until({ at }: At) {
  const left = Date.parse(at) - useNow("second");
  return (
    <time dateTime={at} title={at}>
      {left <= 0 ? "now" : `in ${duration(left)}`}
    </time>
  );
}
