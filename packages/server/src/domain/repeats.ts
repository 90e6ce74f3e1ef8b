import { contentDigest } from "../ids.ts";
import type { JsonText } from "./json-text.ts";
import type { Transition } from "./lifecycle/happening.ts";
import { canonicalJson, sameJson } from "./same-json.ts";

/**
 * Whether a report is the one that was recorded before (contracts §5, "What was reported once stays true").
 *
 * A member that the repeat leaves out does not count. One that it names must equal what was recorded; what nobody had
 * reported is recorded as null, so that a member which the repeat adds differs.
 */

/** A repeat if no member differs; otherwise the refusal that names those which do. */
export const repeatUnless = <State>(
  members: readonly string[],
  state: State,
): Transition<State> & { kind: "repeated" | "refused" } =>
  members.length === 0
    ? { kind: "repeated", state }
    : { kind: "refused", code: "reported_differently", members: [...members] };

/** The member's name if the repeat names it, and not as it was recorded. */
export const plainDiffers = <Value extends string | number | boolean | null>(
  name: string,
  given: Value | undefined,
  recorded: Value,
): string[] => (given === undefined || given === recorded ? [] : [name]);

/** As `plainDiffers`, for a member whose value is any JSON. */
export const jsonDiffers = (
  name: string,
  given: JsonText | null | undefined,
  recorded: JsonText | null,
): string[] => (given === undefined || sameJson(given, recorded) ? [] : [name]);

/** What a report says, by the names of its members, as exact JSON text. */
export type Content = ReadonlyMap<string, JsonText>;

/**
 * Digests of a content, one for each member: over its name and its value, so that whoever has them all can tell
 * whether a member of a repeat is among them. `salt` keeps equal contents of different places from looking equal.
 */
export const digestsOf = (salt: string, content: Content): string[] =>
  [...content].map(([name, value]) => digestOf(salt, name, value));

/** Names the members of a repeat that are not among those whose digests were kept under the same salt. */
export const namesOutside = (
  digests: readonly string[],
  salt: string,
  content: Content,
): string[] => {
  const known = new Set(digests);
  return [...content].flatMap(([name, value]) =>
    known.has(digestOf(salt, name, value)) ? [] : [name],
  );
};

const digestOf = (salt: string, name: string, value: JsonText): string =>
  contentDigest([salt, name, canonicalJson(value)].join("\n"));
