import { Dialog } from "@base-ui/react/dialog";
import { useState } from "react";
import { Account } from "./account.tsx";
import { Navigation } from "./navigation.tsx";

/** The navigation on narrow screens; it is open from the start. */
export default function Drawer() {
  const [open, setOpen] = useState(true);
  return (
    <Dialog.Root open={open} onOpenChange={setOpen}>
      <Dialog.Trigger className="btn">Menu</Dialog.Trigger>
      <Dialog.Portal>
        <Dialog.Backdrop className="fixed inset-0 z-30 bg-black/40" />
        <Dialog.Popup className="fixed inset-y-0 right-0 z-40 flex w-[min(280px,85vw)] flex-col overflow-y-auto bg-sunken px-3 py-3 shadow-[-8px_0_28px_var(--shadow)] outline-none">
          <div className="flex items-center justify-between px-2 pb-2">
            <Dialog.Title className="font-[650]">Menu</Dialog.Title>
            <Dialog.Close className="btn btn-quiet" aria-label="Close">
              ✕
            </Dialog.Close>
          </div>
          <Navigation onGo={() => setOpen(false)} />
          <div className="mt-auto border-t border-line pt-2">
            <Account />
          </div>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
