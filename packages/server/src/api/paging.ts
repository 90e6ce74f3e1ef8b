import Type from "typebox";
import type { Listed, Page } from "../db/lists.ts";
import type { Walked, WalkPage } from "../db/walks.ts";
import type { Keyring } from "../secrets.ts";
import { cursorQuery, nextCursorField, openCursors } from "./cursor.ts";
import type { Caller } from "./request.ts";
import { invalidRequest } from "./validation.ts";

const offsetMax = 1_000_000;

const rowsMove =
  "Rows can move while you read pages: a new row shifts others to the next page, where you get them twice; a deleted row, or a row that no longer matches, shifts others to the previous page, where you miss them.";
const cursorInstead = `${rowsMove} Use \`cursor\` to get each row exactly once. \`cursor\` and \`page\` together are a 422.`;

const pageNumber = (description: string) =>
  Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: offsetMax + 1,
      default: 1,
      description: `${description} \`(page - 1) * size\` is at most ${offsetMax}.`,
    }),
  );
const pageSize = {
  size: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 300 })),
};

/** The query parameters of a list with `page`, `size` and `cursor`. */
export const walkQuery = { page: pageNumber(cursorInstead), ...pageSize, ...cursorQuery };

type PageQuery = { page?: number; size?: number };

/** Page and size in the answer: the platform's SDK needs them to find the next page. With a cursor there is no page number. */
export const pageIn = ({ page = 1, size = 300, cursor }: PageQuery & { cursor?: string }) => ({
  ...(cursor === undefined ? { page } : {}),
  size,
});

/** Reads `page` and `size`; a page too far from the beginning to be read quickly is a 422 with a hint. */
function pageOf(query: PageQuery): Page {
  const { page = 1, size = 300 } = query;
  const offset = (page - 1) * size;
  if (offset > offsetMax) {
    const msg = `lies beyond the first ${offsetMax} entries; narrow the list down instead`;
    throw invalidRequest([{ loc: ["query", "page"], msg, type: "maximum" }]);
  }
  return { offset, limit: size };
}

const offsetNumber = (description: string) =>
  Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000, default: 0, description }));
const windowSize = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: 50 })),
};

/** The query parameters of contract B's lists: `limit`, and `offset` or `cursor`. */
export const walkWindowQuery = {
  ...windowSize,
  offset: offsetNumber(cursorInstead),
  ...cursorQuery,
};

/** Limit and offset in the answer. */
const windowFields = { limit: Type.Integer(), offset: Type.Integer() };

/** Reads `limit` and `offset`. */
const windowOf = ({ limit = 50, offset = 0 }: Partial<Page>): Page => ({ limit, offset });

/** The query parameters of lists without pages and offsets. */
export const cursorOnlyQuery = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50 })),
  ...cursorQuery,
};

/** The total of a list; `total_is_estimate` is present only when it is true. */
export const totalFields = {
  total: Type.Integer(),
  total_is_estimate: Type.Optional(Type.Literal(true)),
};

const notWithCursor = "Missing in answers to a `cursor`.";

/** The fields of an answer with a cursor. */
export const walkFields = { ...totalFields, ...nextCursorField };

/** The fields of an answer with a cursor or a page number. */
export const walkPageFields = {
  ...walkFields,
  page: Type.Optional(Type.Integer({ description: notWithCursor })),
  size: Type.Integer(),
};

/** The fields of an answer of contract B's lists. */
export const walkWindowFields = {
  ...walkFields,
  ...windowFields,
  offset: Type.Optional(Type.Integer({ description: notWithCursor })),
};

type Total = Pick<Listed<unknown>, "total" | "totalIsEstimate">;

/** Makes the total's part of an answer. */
export const totalOf = ({ total, totalIsEstimate }: Total) => ({
  total,
  ...(totalIsEstimate ? { total_is_estimate: true as const } : {}),
});

/** The requested part of a list: where the page begins, and how the answer's other fields are made. */
type AskedList<Told, Read> = { page: WalkPage; told(read: Read): Told };

/** The caller, name and filter of a list: a cursor is bound to all of them. */
type List = {
  keyring: Keyring;
  caller: Pick<Caller, "teamId">;
  name: string;
  filter: object;
};

type Next = Walked<object>;
type NextCursor = { next_cursor: string | null };

/** Reads `limit` and `cursor`. */
export function askedByCursor(
  { keyring, caller, ...list }: List,
  { limit = 50, cursor }: { limit?: number; cursor?: string },
): AskedList<NextCursor, Next> {
  const cursors = openCursors(keyring, caller, list);
  return {
    page: { offset: 0, limit, after: cursors.read(cursor) },
    told: ({ next }) => cursors.field(next),
  };
}

/** Reads `page` and `size`, or `cursor` and `size`. */
export function askedByPage(list: List, query: PageQuery & { cursor?: string }) {
  refuseBoth(query, "page");
  const { page, told } = askedByCursor(list, query);
  return {
    page: { ...page, ...pageOf(query) },
    told: (read: Next & Total) => ({ ...totalOf(read), ...told(read) }),
  };
}

/** Reads `limit` and `offset`, or `cursor` and `limit`. */
export function askedByWindow(list: List, query: Partial<Page> & { cursor?: string }) {
  refuseBoth(query, "offset");
  const { limit, offset } = windowOf(query);
  const { page, told } = askedByCursor(list, query);
  return {
    page: { ...page, limit, offset },
    told: (read: Next & Total) => ({
      ...totalOf(read),
      limit,
      ...(query.cursor === undefined ? { offset } : {}),
      ...told(read),
    }),
  };
}

/** A cursor already says where the page begins. */
function refuseBoth<Name extends string>(
  query: { cursor?: string } & { [Other in Name]?: number },
  name: Name,
): void {
  if (query.cursor === undefined || query[name] === undefined) return;
  const msg = `cannot be given together with \`${name}\``;
  throw invalidRequest([{ loc: ["query", "cursor"], msg, type: "conflict" }]);
}
