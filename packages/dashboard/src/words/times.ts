/** The time zone of shown times: the viewer's own, or UTC. */
export type Zone = "local" | "utc";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** A duration in milliseconds, as a person says it: `212 ms`, `1.2 s`, `41 s`, `1 min 12 s`, `3 h`. */
export function duration(ms: number): string {
  if (ms < second) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 10 * second) return `${(ms / second).toFixed(1).replace(/\.0$/, "")} s`;
  if (ms < minute) return `${Math.floor(ms / second)} s`;
  if (ms < hour) return pair(ms, minute, "min", second, "s");
  if (ms < day) return pair(ms, hour, "h", minute, "min");
  return pair(ms, day, "d", hour, "h");
}

function pair(ms: number, large: number, largeName: string, small: number, smallName: string) {
  const rest = Math.floor((ms % large) / small);
  const whole = `${Math.floor(ms / large)} ${largeName}`;
  return rest === 0 ? whole : `${whole} ${rest} ${smallName}`;
}

/** How long ago something was, for lists: `now`, `12 s`, `2 min`, `5 h`, `3 d`. */
export function age(at: string, nowMs: number): string {
  const ms = Math.max(0, nowMs - Date.parse(at));
  if (ms < 5 * second) return "now";
  if (ms < minute) return `${Math.floor(ms / second)} s`;
  if (ms < hour) return `${Math.floor(ms / minute)} min`;
  if (ms < day) return `${Math.floor(ms / hour)} h`;
  return `${Math.floor(ms / day)} d`;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function format(zone: Zone, name: string, options: Intl.DateTimeFormatOptions) {
  const key = `${zone} ${name}`;
  let found = formats.get(key);
  if (found === undefined) {
    // Swedish writes dates as ISO 8601 does, which nobody reads the wrong way round.
    found = new Intl.DateTimeFormat("sv-SE", {
      ...options,
      ...(zone === "utc" ? { timeZone: "UTC" } : {}),
    });
    formats.set(key, found);
  }
  return found;
}

/** The time of day with milliseconds: `10:41:07.204`. */
export function clock(at: string, zone: Zone): string {
  const date = new Date(at);
  const time = format(zone, "clock", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  return `${time.format(date)}.${String(date.getUTCMilliseconds()).padStart(3, "0")}`;
}

/** A point in time in short: `10:41` today, otherwise `2026-11-29 10:41`. */
export function moment(at: string, zone: Zone, nowMs: number): string {
  const date = new Date(at);
  const days = format(zone, "day", { year: "numeric", month: "2-digit", day: "2-digit" });
  const time = format(zone, "minute", { hour: "2-digit", minute: "2-digit" }).format(date);
  return days.format(date) === days.format(new Date(nowMs)) ? time : `${days.format(date)} ${time}`;
}

/** Date and time with seconds: `2026-11-29 10:41:07`. */
export const dateTime = (at: string, zone: Zone): string =>
  format(zone, "full", {
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  }).format(new Date(at));

/** The name of the time zone of shown times. */
export const zoneName = (zone: Zone): string =>
  zone === "utc" ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone;
