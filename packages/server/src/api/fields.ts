import Type, { type TSchema } from "typebox";
import type { FieldError } from "../errors.ts";
import { objectIdPattern } from "../ids.ts";
import { allBut, breaksAndOverrides, controls, invisible } from "./characters.ts";
import { invalidRequest } from "./validation.ts";

/** An id in a path; a text without the form of an id is a 404, like an unknown id. */
export const PathId = Type.String({ pattern: objectIdPattern });

/** An id in a body or query. */
export const Id = Type.String({
  pattern: objectIdPattern,
  title: "an id of 24 lower-case hex digits",
});

/** A field that may be null. */
export const nullable = <Schema extends TSchema>(schema: Schema) =>
  Type.Union([schema, Type.Null()]);

const inLine = allBut(controls, breaksAndOverrides);
const visible = allBut(invisible);

/** A name of one line, not blank. */
export const nameOf = (maxLength: number) =>
  Type.String({
    minLength: 1,
    maxLength,
    pattern: `^${inLine}*${visible}${inLine}*$`,
    title: "a text of one line that is not blank",
  });

/** A text of any lines. */
export const textOf = (maxLength: number) =>
  Type.String({
    maxLength,
    pattern: `^${allBut([[0, 0]])}*$`,
    title: "a text without U+0000 or halves of surrogate pairs",
  });

/** A JSON object whose members are the caller's own. */
export const AnyObject = Type.Record(Type.String(), Type.Unknown());

/** An instant of RFC 3339, from 1970 on. */
export const Instant = Type.String({
  pattern:
    "^(19[7-9][0-9]|[2-9][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$",
  title: "a time of RFC 3339 such as 2026-11-21T10:30:00Z",
});

/** Reads an `Instant`, to the millisecond; a day that its month does not have is a 422. */
export function parseInstant(text: string, loc: FieldError["loc"]): Date {
  const [year, month, day] = text.slice(0, 10).split("-").map(Number) as [number, number, number];
  const daysInMonth = new Date(Date.UTC(year, month, 0)).getUTCDate();
  if (day > daysInMonth) {
    throw invalidRequest([{ loc, msg: "names a day that does not exist", type: "pattern" }]);
  }
  const instant = new Date(text.toUpperCase());
  // With an offset, the year can leave the range that RFC 3339, and so an answer, can express.
  if (instant.getTime() < 0 || instant.getTime() >= Date.UTC(10_000)) {
    throw invalidRequest([{ loc, msg: "must lie from 1970 to 9999", type: "pattern" }]);
  }
  return instant;
}

/** An instant in an answer: ISO 8601, UTC, milliseconds. */
export const Timestamp = Type.String({ format: "date-time" });
