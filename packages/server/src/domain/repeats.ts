import { reportedDifferently } from "../errors.ts";
import { contentDigest } from "../ids.ts";
import { type Fact, type FactContent, type FactIdentity, subjectOf } from "./facts.ts";
import type { JsonText } from "./json-text.ts";
import type { Transition } from "./lifecycle/happening.ts";
import { canonicalJson, sameJson } from "./same-json.ts";

/**
 * Whether a report says what was recorded before (contracts §5, "What was reported once stays true").
 *
 * A member that the repeat leaves out is not compared. Every other member must equal what was recorded. A member that was
 * never reported is recorded as null, so a member that the repeat adds differs.
 */

/** A repeat if no member differs; otherwise a refusal that names the differing members. */
export const repeatUnless = <State>(
  differing: readonly string[],
  state: State,
): Transition<State> & { kind: "repeated" | "refused" } =>
  differing.length === 0
    ? { kind: "repeated", state }
    : { kind: "refused", code: "reported_differently", members: [...differing] };

/** The member's name if the repeat gives it another value than the recorded one. */
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
 * Digests of a content, 16 characters for each member, over its name and its value. They show whether a member of a
 * repeat was reported before, without keeping the content. `salt` names the place, so that equal contents of two places
 * have different digests.
 */
export const digestsOf = (salt: string, content: FactContent): string =>
  [...content].map(([name, value]) => digestOf(salt, name, value)).join("");

/** Names the members of a repeat whose digests were not kept under the same salt. */
export function namesOutside(digests: string, salt: string, content: FactContent): string[] {
  const known = new Set(digestList(digests));
  return [...content].flatMap(([name, value]) =>
    known.has(digestOf(salt, name, value)) ? [] : [name],
  );
}

/** The most replaced values that are kept for one subject; the oldest are forgotten first. */
const replacedMax = 64;

/** Adds the digests of values that a report replaces to those that earlier reports replaced. */
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

/** What is kept of a fact with an identity; null where an older version of the service kept nothing. */
export type KnownFact = { digests: string | null; subjectId: string | null };

type Identified = Fact & { identity: FactIdentity };

/** What must be kept of a fact to distinguish its repeats from other facts with the same identity. */
export const rememberedOf = (fact: Identified): KnownFact => ({
  digests: digestsOf(saltOf(fact), fact.identity.content),
  // A fact that begins something may leave its id to the service. Every other fact names its subject again; an id that is
  // not kept here need not be erased here.
  subjectId: beginnings.has(fact.type) ? subjectOf(fact) : null,
});

const beginnings: ReadonlySet<Fact["type"]> = new Set<Fact["type"]>([
  "workflow.created",
  "workflow.version_created",
  "run.started",
  "call.created",
]);

/** Refuses a fact that differs from the fact recorded with its identity: throws `AppError`. */
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
