import { reportedDifferently } from "../errors.ts";
import { contentDigest } from "../ids.ts";
import { type Fact, type FactContent, type FactIdentity, subjectOf } from "./facts.ts";
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
  differing: readonly string[],
  state: State,
): Transition<State> & { kind: "repeated" | "refused" } =>
  differing.length === 0
    ? { kind: "repeated", state }
    : { kind: "refused", code: "reported_differently", members: [...differing] };

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

/**
 * Digests of a content, 16 characters for each member: over its name and its value, so that whoever has them can tell
 * whether a member of a repeat is among them, and keeps no content to do so. `salt` names the place: equal contents of
 * two places have nothing in common.
 */
export const digestsOf = (salt: string, content: FactContent): string =>
  [...content].map(([name, value]) => digestOf(salt, name, value)).join("");

/** Names the members of a repeat that are not among those whose digests were kept under the same salt. */
export function namesOutside(digests: string, salt: string, content: FactContent): string[] {
  const known = new Set(digestList(digests));
  return [...content].flatMap(([name, value]) =>
    known.has(digestOf(salt, name, value)) ? [] : [name],
  );
}

/** Values of one subject that later reports replaced, at the most: of more than these, the oldest are forgotten. */
const replacedMax = 64;

/** Adds the digests of what a report replaces to those of what earlier ones did. */
export function withReplaced(
  digests: string | null,
  salt: string,
  replaced: FactContent,
): string | null {
  if (replaced.size === 0) return digests;
  const kept = new Set([...digestList(digests ?? ""), ...digestList(digestsOf(salt, replaced))]);
  return [...kept].slice(-replacedMax).join("");
}

const digestList = (digests: string): string[] => digests.match(/.{16}/g) ?? [];

const digestOf = (salt: string, name: string, value: JsonText): string =>
  contentDigest([salt, name, canonicalJson(value)].join("\n"));

/** What is remembered of a fact with an identity; null where an older version remembered nothing. */
export type KnownFact = { digests: string | null; subjectId: string | null };

type Identified = Fact & { identity: FactIdentity };

/** What must be remembered of a fact, so that its repeats are told from other facts under its identity. */
export const rememberedOf = (fact: Identified): KnownFact => ({
  digests: digestsOf(saltOf(fact), fact.identity.content),
  // What begins something may leave its id to us. Everything else names its subject again, and an id that is not kept
  // here need not be erased here.
  subjectId: beginnings.has(fact.type) ? subjectOf(fact) : null,
});

const beginnings: ReadonlySet<Fact["type"]> = new Set<Fact["type"]>([
  "workflow.created",
  "workflow.version_created",
  "run.started",
  "call.created",
]);

/** Throws the refusal of a fact that is not the one which was recorded under its identity. */
export function refuseOtherFact(known: KnownFact, fact: Identified): void {
  const { content, within } = fact.identity;
  const names = known.digests === null ? [] : namesOutside(known.digests, saltOf(fact), content);
  if (names.length === 0) return;
  throw reportedDifferently(
    names.map((name) => name.split(".")),
    within,
  );
}

const saltOf = ({ teamId, identity }: Identified): string => `${teamId}\n${identity.name}`;
