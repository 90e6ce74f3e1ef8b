import type { FastifyReply, FastifyRequest } from "fastify";
import type { Listed } from "../db/lists.ts";
import { type JsonText, joinObject, jsonText } from "../domain/json-text.ts";
import { pageTotalOf, totalOf } from "./paging.ts";

/** Sends JSON as it is: what callers once sent keeps every byte, 12345678901234567890 and 1.0 included. */
export function sendExactJson(reply: unknown, text: JsonText): never {
  const answer = reply as FastifyReply;
  // The handler's declared answer is an object; the text of one is sent in its place.
  return answer.type("application/json; charset=utf-8").send(text) as never;
}

/** Prints a list of printed objects with its total, and with the page if its query is given. */
export function listText(
  name: string,
  items: readonly JsonText[],
  total: Omit<Listed<unknown>, "rows">,
  query?: { page?: number; size?: number },
): JsonText {
  const totals = query ? pageTotalOf(total, query) : totalOf(total);
  const members = Object.entries(totals).map(([key, value]) => [key, jsonText(value)] as const);
  return joinObject([[name, `[${items.join(",")}]` as JsonText], ...members]);
}

/** Prints an object from plain values and from texts that stay as they are. */
export function objectText(
  plain: Record<string, unknown>,
  exact: Record<string, JsonText | null> = {},
): JsonText {
  return joinObject([
    ...Object.entries(plain).map(([name, value]) => [name, jsonText(value)] as const),
    ...Object.entries(exact).map(([name, text]) => [name, text ?? jsonText(null)] as const),
  ]);
}

/** The exact text of a body's free-form member: null for a JSON null, undefined when the body does not name it. */
export function bodyDocument(
  { bodyMembers }: Pick<FastifyRequest, "bodyMembers">,
  name: string,
): JsonText | null | undefined {
  const text = bodyMembers.get(name);
  return text === "null" ? null : text;
}
