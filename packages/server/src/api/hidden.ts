import Type from "typebox";
import type { Caller } from "./request.ts";

/** Part of every object that can have private members; absent when nothing is hidden. */
export const hiddenField = {
  hidden: Type.Optional(
    Type.Array(Type.String(), {
      description:
        "The members that have a value which the API key may not see, because it lacks the scope `payload`.",
    }),
  ),
};

/** Says whether a caller sees payloads, receivers' answers and reported documents. */
export const seesPayloads = ({ scopes }: Pick<Caller, "scopes">): boolean => scopes.has("payload");

/** The private members of an object for one caller, and its `hidden`. */
export type Shown<Name extends string, Value> = {
  members: Record<Name, Value | null>;
  hidden: { hidden?: Name[] };
};

/**
 * Shows private members to callers with the scope `payload`. For other callers each is null, and `hidden` names those
 * that have a value: a null alone would look like a missing value.
 *
 * `held` names the members with a value if the values were not read.
 */
export function shownTo<Name extends string, Value>(
  caller: Pick<Caller, "scopes">,
  members: Readonly<Record<Name, Value | null>>,
  held?: readonly string[],
): Shown<Name, Value> {
  if (seesPayloads(caller)) return { members, hidden: {} };
  const names = Object.keys(members) as Name[];
  const hidden = names.filter((name) => held?.includes(name) ?? members[name] !== null);
  return {
    members: Object.fromEntries(names.map((name) => [name, null])) as Record<Name, null>,
    hidden: hidden.length === 0 ? {} : { hidden },
  };
}
