import { useCallback, useMemo } from "react";
import { useLocation, useSearch } from "wouter";

/** A parameter of an address: one value or several, of some choices or any text. */
export type Parameter<Value extends string = string> = {
  many: boolean;
  choices: readonly Value[] | undefined;
};

/** One value, of these choices or any text. */
export const one = <const Value extends string = string>(...choices: readonly Value[]) => ({
  many: false as const,
  choices: choices.length === 0 ? undefined : choices,
});

/** Any number of values, of these choices or any text. */
export const many = <const Value extends string = string>(...choices: readonly Value[]) => ({
  many: true as const,
  choices: choices.length === 0 ? undefined : choices,
});

/** The parameters that a page understands. */
export type Spec = Readonly<Record<string, Parameter>>;

type ValueOf<P> = P extends {
  many: infer Many;
  choices: readonly (infer V extends string)[] | undefined;
}
  ? Many extends true
    ? readonly V[]
    : V | undefined
  : never;

/** The parameters of an address, by the names of its spec. */
export type Searched<S extends Spec> = { readonly [Name in keyof S]: ValueOf<S[Name]> };

/** Reads the parameters of an address; ignores those that the page does not understand. */
export function parseSearch<S extends Spec>(spec: S, search: string): Searched<S> {
  const given = new URLSearchParams(search);
  return Object.fromEntries(
    Object.entries(spec).map(([name, { many, choices }]) => {
      const values = given
        .getAll(name)
        .filter((value) => value !== "" && (choices === undefined || choices.includes(value)));
      return [name, many ? [...new Set(values)] : values[0]];
    }),
  ) as Searched<S>;
}

/** Prints parameters for an address, with `?` when there are any. */
export function printSearch(
  values: Readonly<Record<string, string | readonly string[] | undefined>>,
): string {
  const printed = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    for (const item of typeof value === "string" ? [value] : (value ?? [])) {
      if (item !== "") printed.append(name, item);
    }
  }
  const text = printed.toString();
  return text === "" ? "" : `?${text}`;
}

/** Changes some parameters of the address; `replace`: without an entry in the browser's history. */
export type ChangeSearch<S extends Spec> = (
  patch: Partial<Searched<S>>,
  how?: { replace?: boolean },
) => void;

/** Gives the parameters of this page's address, and the function that changes them. */
export function useTypedSearch<S extends Spec>(spec: S): [Searched<S>, ChangeSearch<S>] {
  const search = useSearch();
  const [path, navigate] = useLocation();
  const values = useMemo(() => parseSearch(spec, search), [spec, search]);
  const change = useCallback<ChangeSearch<S>>(
    (patch, how = {}) => navigate(`${path}${printSearch({ ...values, ...patch })}`, how),
    [values, path, navigate],
  );
  return [values, change];
}
