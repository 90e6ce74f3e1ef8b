import { Popover } from "@base-ui/react/popover";
import { type ReactNode, useState } from "react";

/** A button with its popup below, which is open from the start. */
export default function Popup({
  face,
  className,
  title,
  children,
}: {
  face: ReactNode;
  className: string;
  title: string;
  /** Its content; gets the function that closes it. */
  children: (close: () => void) => ReactNode;
}) {
  const [open, setOpen] = useState(true);
  return (
    <Popover.Root open={open} onOpenChange={setOpen}>
      <Popover.Trigger className={className}>{face}</Popover.Trigger>
      <Popover.Portal>
        <Popover.Positioner sideOffset={6} align="start" className="z-40">
          <Popover.Popup className="popup grid max-h-[min(440px,var(--available-height))] w-72 max-w-(--available-width) gap-1 overflow-y-auto p-2">
            <Popover.Title className="sr-only">{title}</Popover.Title>
            {children(() => setOpen(false))}
          </Popover.Popup>
        </Popover.Positioner>
      </Popover.Portal>
    </Popover.Root>
  );
}
