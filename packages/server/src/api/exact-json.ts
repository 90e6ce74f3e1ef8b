import type { FastifyReply, FastifyRequest } from "fastify";
import { type JsonText, joinObject, jsonText } from "../domain/json-text.ts";

/** Sends JSON text unchanged: what callers reported keeps every byte, also 12345678901234567890 and 1.0. */
export function sendExactJson(reply: unknown, text: JsonText): never {
  const answer = reply as FastifyReply;
  // The handler's declared answer is an object; its text is sent instead.
  return answer.type("application/json; charset=utf-8").send(text) as never;
}

/** Prints a list of printed objects, with the fields of the list itself. */
export const listText = (
  name: string,
  items: readonly JsonText[],
  told: Record<string, unknown>,
): JsonText =>
  joinObject([
    [name, `[${items.join(",")}]` as JsonText],
    ...Object.entries(told).map(([key, value]) => [key, jsonText(value)] as const),
  ]);

/** Prints an object from plain values and from exact texts. */
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
