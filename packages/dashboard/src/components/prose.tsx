/** A sentence of the API; `names` between backticks are shown as code. */
export const Prose = ({ children }: { children: string }) =>
  children.split("`").map((part, index) =>
    index % 2 === 1 ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: the parts of one sentence never move
      <code key={index} className="mono">
        {part}
      </code>
    ) : (
      part
    ),
  );
