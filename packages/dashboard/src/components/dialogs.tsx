import { Dialog } from "@base-ui/react/dialog";
import type { ReactNode } from "react";

type Props = {
  open: boolean;
  onClose: () => void;
  title: string;
  /** One sentence on what it is for. */
  about?: ReactNode;
  children: ReactNode;
  wide?: boolean;
};

/** A dialog above the page; it closes with Escape, and the focus goes back to where it was. */
export const Modal = ({ open, onClose, title, about, children, wide = false }: Props) => (
  <Dialog.Root open={open} onOpenChange={(next) => !next && onClose()}>
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

/** Asks before something that cannot be taken back; the button says what it does. */
export function Confirm({
  open,
  onClose,
  title,
  children,
  action,
  busy,
  onConfirm,
}: {
  open: boolean;
  onClose: () => void;
  title: string;
  children: ReactNode;
  action: string;
  busy: boolean;
  onConfirm: () => void;
}) {
  return (
    <Modal open={open} onClose={onClose} title={title}>
      <div className="grid gap-2 text-ink-2">{children}</div>
      <div className="mt-5 flex flex-wrap justify-end gap-2">
        <button type="button" className="btn" onClick={onClose}>
          Keep it
        </button>
        <button type="button" className="btn btn-danger" disabled={busy} onClick={onConfirm}>
          {busy ? "One moment…" : action}
        </button>
      </div>
    </Modal>
  );
}
