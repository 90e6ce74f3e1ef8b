import { ClearChip } from "./multi-filter.tsx";

/** A name with the id that belongs to it, which is below it in narrow windows. The name may be in any script. */
export const Named = ({ name, id }: { name: string; id: string }) => (
  <span className="flex min-w-0 flex-col wide:flex-row wide:items-baseline wide:gap-2.5">
    <bdi className="min-w-0 truncate font-[550]" title={name}>
      {name}
    </bdi>
    <span className="mono min-w-0 truncate text-ink-3 wide:shrink-0" title={id}>
      {id}
    </span>
  </span>
);

/** The one thing that a list is filtered by, as a chip that removes the filter. */
export const OnlyChip = ({
  what,
  name,
  id,
  onClear,
}: {
  what: string;
  name: string;
  id: string;
  onClear: () => void;
}) => (
  <span className="chip max-w-72" data-on="true">
    {what}{" "}
    <bdi className="truncate font-[600]" title={`${name} ${id}`}>
      {name}
    </bdi>
    <ClearChip what={`the ${what.toLowerCase()}`} onClear={onClear} />
  </span>
);
