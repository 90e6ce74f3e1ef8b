import { type ReactNode, Suspense, useState } from "react";

/**
 * A button whose popup is loaded when it is pressed, so that the first page does not load it.
 *
 * `children` is the same button with its popup, open from the start.
 */
export function OnDemand({
  face,
  kind,
  className,
  children,
}: {
  face: ReactNode;
  kind: "menu" | "dialog";
  className: string;
  children: ReactNode;
}) {
  const [asked, setAsked] = useState(false);
  const button = (
    <button
      type="button"
      className={className}
      aria-haspopup={kind}
      aria-expanded={false}
      onClick={() => setAsked(true)}
    >
      {face}
    </button>
  );
  return asked ? <Suspense fallback={button}>{children}</Suspense> : button;
}
