import type { Word } from "../words/outcomes.ts";

type Props<State extends string> = {
  words: Readonly<Record<State, Word>>;
  states: readonly State[];
  value: State | undefined;
  onChange: (state: State | undefined) => void;
};

/** Filters a list by one state, or by none. */
export const StateSelect = <State extends string>(props: Props<State>) => (
  <select
    className="field w-auto"
    aria-label="State"
    value={props.value ?? ""}
    onChange={({ target }) => props.onChange((target.value || undefined) as State | undefined)}
  >
    <option value="">All states</option>
    {props.states.map((state) => (
      <option key={state} value={state}>
        {props.words[state].word}
      </option>
    ))}
  </select>
);
