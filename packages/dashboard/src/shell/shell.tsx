import { Dialog } from "@base-ui/react/dialog";
import { type ReactNode, useState } from "react";
import { useNarrow } from "../components/narrow.ts";
import { AccountMenu } from "./account-menu.tsx";
import { Brand } from "./brand.tsx";
import { Navigation } from "./navigation.tsx";

/** What stands around every page: the way to the others, and whose they are. */
export function Shell({ children }: { children: ReactNode }) {
  const narrow = useNarrow();
  return (
    <div
      className={`grid h-full ${narrow ? "grid-rows-[auto_minmax(0,1fr)]" : "grid-cols-[212px_minmax(0,1fr)]"}`}
    >
      <a
        href="#content"
        className="btn sr-only z-50 focus:not-sr-only focus:absolute focus:top-2 focus:left-2"
      >
        Skip to the content
      </a>
      {narrow ? <TopBar /> : <SideBar />}
      <main id="content" tabIndex={-1} className="min-h-0 min-w-0 overflow-y-auto outline-none">
        {children}
      </main>
    </div>
  );
}

const SideBar = () => (
  <aside className="flex min-h-0 flex-col overflow-y-auto border-r border-line bg-sunken px-2.5 py-3">
    <div className="px-2 pt-1 pb-3">
      <Brand />
    </div>
    <Navigation />
    <div className="mt-auto border-t border-line pt-2">
      <AccountMenu />
    </div>
  </aside>
);

function TopBar() {
  const [open, setOpen] = useState(false);
  return (
    <div className="flex items-center justify-between border-b border-line bg-sunken px-4 py-2">
      <Brand />
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
              <AccountMenu />
            </div>
          </Dialog.Popup>
        </Dialog.Portal>
      </Dialog.Root>
    </div>
  );
}
