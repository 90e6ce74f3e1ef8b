import { Dialog } from "@base-ui/react/dialog";
import type { ReactNode } from "react";

type Props = {
  onClose: () => void;
  title: string;
  about?: ReactNode;
  children: ReactNode;
  wide?: boolean;
};

/** The frame of an open dialog. */
export default function DialogFrame({ onClose, title, about, children, wide = false }: Props) {
  return (
    <Dialog.Root open onOpenChange={(next) => !next && onClose()}>
      <Dialog.Portal>
        <Dialog.Backdrop className="fixed inset-0 z-30 bg-black/40 transition-opacity duration-150 data-ending-style:opacity-0 data-starting-style:opacity-0" />
        <Dialog.Popup
          className={`popup fixed top-[max(5vh,12px)] left-1/2 z-40 max-h-[min(90vh,calc(100vh-24px))] w-[calc(100vw-24px)] -translate-x-1/2 overflow-y-auto p-5 transition-opacity duration-150 data-ending-style:opacity-0 data-starting-style:opacity-0 ${wide ? "max-w-3xl" : "max-w-lg"}`}
        >
          <div className="mb-4 flex items-start gap-3">
            <div className="min-w-0 flex-1">
              <Dialog.Title className="text-[16px] font-[650] break-words">{title}</Dialog.Title>
              {about && (
                <Dialog.Description className="mt-1 text-ink-2" render={<div />}>
                  {about}
                </Dialog.Description>
              )}
            </div>
            <Dialog.Close className="btn btn-quiet -mt-1 -mr-2 px-2" aria-label="Close">
              ✕
            </Dialog.Close>
          </div>
          {children}
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
