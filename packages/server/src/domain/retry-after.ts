const secondsMax = 86_400;
const fiftyYearsMs = 50 * 365.25 * 86_400_000;

const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

const time = "(?<hour>\\d\\d):(?<minute>\\d\\d):(?<second>\\d\\d)";
const shortDay = `(?<day>${days.map((day) => day.slice(0, 3)).join("|")})`;
const longDay = `(?<day>${days.join("|")})`;
const month = `(?<month>${months.join("|")})`;

/** The three forms of an HTTP-date, RFC 9110 5.6.7: IMF-fixdate, RFC 850 and asctime. */
const httpDates = [
  `${shortDay}, (?<date>\\d\\d) ${month} (?<year>\\d{4}) ${time} GMT`,
  `${longDay}, (?<date>\\d\\d)-${month}-(?<year>\\d\\d) ${time} GMT`,
  `${shortDay} ${month} (?<date>\\d\\d| \\d) ${time} (?<year>\\d{4})`,
].map((form) => new RegExp(`^${form}$`));

/**
 * Parses a Retry-After field (RFC 9110 10.2.3) into whole seconds from now, 0 to 86,400.
 *
 * Gives undefined for anything outside the grammar. `Date.parse` reads "-5" as the year 2001, so
 * dates are parsed here, and a date that does not exist or has the wrong weekday is refused.
 */
export function parseRetryAfter(value: string, nowMs: number): number | undefined {
  const text = value.replace(/^[ \t]+|[ \t]+$/g, "");
  if (/^\d+$/.test(text)) return Math.min(secondsMax, Number(text));

  const dateMs = parseHttpDate(text, nowMs);
  if (dateMs === undefined) return undefined;
  return Math.min(secondsMax, Math.max(0, Math.ceil((dateMs - nowMs) / 1000)));
}

function parseHttpDate(text: string, nowMs: number): number | undefined {
  for (const form of httpDates) {
    const parts = form.exec(text)?.groups;
    if (parts !== undefined) return readDate(parts, nowMs);
  }
  return undefined;
}

function readDate(parts: Record<string, string>, nowMs: number): number | undefined {
  const { day = "", month: monthName = "", year: yearText = "" } = parts;
  const [date = 0, hour = 0, minute = 0, second = 0] = ["date", "hour", "minute", "second"].map(
    (part) => Number(parts[part]),
  );
  // 60 is a leap second.
  if (hour > 23 || minute > 59 || second > 60) return undefined;

  const monthIndex = months.indexOf(monthName);
  const inYear = (year: number) => Date.UTC(year, monthIndex, date, hour, minute, second);
  const year = yearText.length === 4 ? Number(yearText) : fullYear(Number(yearText), inYear, nowMs);

  const monthStart = Date.UTC(year, monthIndex, 1);
  const daysInMonth = (Date.UTC(year, monthIndex + 1, 1) - monthStart) / 86_400_000;
  if (date < 1 || date > daysInMonth) return undefined;
  return weekday(Date.UTC(year, monthIndex, date)).startsWith(day) ? inYear(year) : undefined;
}

/** Completes a two-digit year: the latest one that is at most 50 years ahead, RFC 9110 5.6.7. */
function fullYear(twoDigits: number, inYear: (year: number) => number, nowMs: number): number {
  const candidates = [2100, 2000].map((century) => century + twoDigits);
  return candidates.find((year) => inYear(year) <= nowMs + fiftyYearsMs) ?? 1900 + twoDigits;
}

function weekday(midnightMs: number): string {
  const thursday = 4; // 1 January 1970
  const daysSince1970 = midnightMs / 86_400_000;
  return days[(((daysSince1970 + thursday) % 7) + 7) % 7] ?? "";
}
