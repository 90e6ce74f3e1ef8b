import { lazy, type ReactNode, Suspense } from "react";

const DialogFrame = lazy(() => import("./dialog-frame.tsx"));

type Props = {
  open: boolean;
  onClose: () => void;
  title: string;
  /** One sentence about its purpose. */
  about?: ReactNode;
  children: ReactNode;
  wide?: boolean;
};

/** A dialog above the page; it closes with Escape, and the focus goes back to where it was. */
export const Modal = ({ open, ...rest }: Props) =>
  open && (
    <Suspense>
      <DialogFrame {...rest} />
    </Suspense>
  );

/** Asks before something that cannot be undone; the button says what it does. */
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
