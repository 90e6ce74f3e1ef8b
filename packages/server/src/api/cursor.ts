import Type from "typebox";
import type { WalkPosition } from "../db/walks.ts";
import type { Keyring } from "../secrets.ts";
import type { Caller } from "./request.ts";
import { invalidRequest } from "./validation.ts";

/** The query parameter of every list with cursors: a walk through it is stable while rows change. */
export const cursorQuery = {
  cursor: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 8192,
      pattern: "^[A-Za-z0-9_-]*$",
      title: "the `next_cursor` of an answer",
      description:
        "The `next_cursor` of the previous answer; send the same filters. You get each row that existed at the first page and still matches exactly once, even if rows are added or deleted meanwhile. Newer rows are not included.",
    }),
  ),
};

/** The field of such a list's answer; null on the last page. */
export const nextCursorField = {
  next_cursor: Type.Union([Type.String(), Type.Null()], {
    description: "The `cursor` of the next page; null on the last page.",
  }),
};

/** The cursors of one list for one caller's request. */
export type Cursors<At> = {
  /** Reads a cursor. A cursor of another list, team or filter, or an invalid one, is a 422 that names `loc`. */
  read(cursor: string | undefined, loc?: string[]): At | undefined;
  /** Makes the cursor of a place. */
  print(place: At): string;
  /** Makes the answer's `next_cursor`. */
  field(next: At | null): { next_cursor: string | null };
};

const tagBytes = 16;

/**
 * Makes and reads the cursors of a list: a place in it, with a tag (a MAC) over the place, the list, the team and the filters.
 *
 * So only this service can make a cursor, and cursors need no storage.
 */
export function openCursors<At = WalkPosition>(
  keyring: Keyring,
  { teamId }: Pick<Caller, "teamId">,
  list: { name: string; filter: object },
): Cursors<At> {
  const tagged = (place: string) => JSON.stringify([list.name, teamId, list.filter, place]);
  const print = (at: At): string => {
    const place = JSON.stringify(at);
    const bytes = Buffer.concat([keyring.tag(tagged(place)), Buffer.from(place)]);
    return bytes.toString("base64url");
  };
  return {
    read(cursor, loc = ["query", "cursor"]) {
      if (cursor === undefined) return undefined;
      const bytes = Buffer.from(cursor, "base64url");
      const place = bytes.toString("utf8", tagBytes);
      // Decoding ignores invalid characters, so they are checked here.
      const whole = bytes.toString("base64url") === cursor;
      if (whole && keyring.isTag(bytes.subarray(0, tagBytes), tagged(place))) {
        return JSON.parse(place) as At;
      }
      const msg = "is not the next_cursor of an answer of this list with these filters";
      throw invalidRequest([{ loc, msg, type: "cursor" }]);
    },
    print,
    field: (next) => ({ next_cursor: next === null ? null : print(next) }),
  };
}
