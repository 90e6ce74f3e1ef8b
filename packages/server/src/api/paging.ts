import Type from "typebox";
import type { Listed, Page } from "../db/lists.ts";
import { invalidRequest } from "./validation.ts";

const offsetMax = 1_000_000;

/** The query parameters that every list with `page` and `size` takes. */
export const pageQuery = {
  page: Type.Optional(Type.Integer({ minimum: 1, default: 1 })),
  size: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 300 })),
};

type PageQuery = { page?: number; size?: number };

/** Both of them again in the answer, as the platform's own SDK needs them to find the next page. */
export const pageIn = ({ page = 1, size = 300 }: PageQuery) => ({ page, size });

/** Reads `page` and `size`; a page that lies too deep to be read quickly is a 422 with a hint. */
export function pageOf(query: PageQuery): Page {
  const { page, size } = pageIn(query);
  const offset = (page - 1) * size;
  if (offset > offsetMax) {
    const msg = `lies beyond the first ${offsetMax} entries; narrow the list down instead`;
    throw invalidRequest([{ loc: ["query", "page"], msg, type: "maximum" }]);
  }
  return { offset, limit: size };
}

/** The query parameters that contract B's lists take instead. */
export const windowQuery = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: 50 })),
  offset: Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000, default: 0 })),
};

/** Both of them again in the answer. */
export const windowFields = { limit: Type.Integer(), offset: Type.Integer() };

/** Reads `limit` and `offset`. */
export const windowOf = ({ limit = 50, offset = 0 }: Partial<Page>): Page => ({ limit, offset });

/** How many entries a list has; `total_is_estimate` is there only when it is true. */
export const totalFields = {
  total: Type.Integer(),
  total_is_estimate: Type.Optional(Type.Literal(true)),
};

/** The total's part of an answer that says which page it is. */
export const pageFields = { ...totalFields, page: Type.Integer(), size: Type.Integer() };

/** Makes the total's part of an answer. */
export const totalOf = ({ total, totalIsEstimate }: Omit<Listed<unknown>, "rows">) => ({
  total,
  ...(totalIsEstimate ? { total_is_estimate: true as const } : {}),
});

/** Makes the total's part of an answer that says which page it is. */
export const pageTotalOf = (total: Omit<Listed<unknown>, "rows">, query: PageQuery) => ({
  ...totalOf(total),
  ...pageIn(query),
});
