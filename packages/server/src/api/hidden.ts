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

/** Says whether a caller sees what was carried, received or returned. */
export const seesPayloads = ({ scopes }: Pick<Caller, "scopes">): boolean => scopes.has("payload");

/** Private members for one caller, and `hidden` for the same object. */
export type Shown<Name extends string, Value> = {
  members: Record<Name, Value | null>;
  hidden: { hidden?: Name[] };
};

/**
 * Shows private members to callers with the scope `payload`. For all others each is null, and `hidden` names those that
 * hold something: a null alone would look like a value that never was.
 *
 * `held` names the members that hold something, where their values were not read at all.
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
