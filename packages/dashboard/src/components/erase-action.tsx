import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useLocation } from "wouter";
import { useMay } from "../shell/viewer.tsx";
import { Confirm } from "./dialogs.tsx";
import { say, sayFailure } from "./toasts.tsx";

type Props = {
  /** What is erased, as in "this call". */
  what: string;
  /** What goes with it. */
  children: ReactNode;
  erase: () => Promise<void>;
  /** The list that it is gone from. */
  back: string;
};

/** Erases something with everything that was made of it, for whoever may; it asks first. */
export function EraseAction({ what, children, erase, back }: Props) {
  const client = useQueryClient();
  const [, navigate] = useLocation();
  const may = useMay("admin");
  const [asks, setAsks] = useState(false);
  const erasing = useMutation({
    mutationFn: erase,
    onSuccess: () => {
      say("It is erased");
      navigate(back);
      // Whatever a page still knows of it is wrong now.
      client.removeQueries({ type: "inactive" });
      void client.invalidateQueries();
    },
    onError: sayFailure,
  });
  if (!may) return null;
  return (
    <>
      <button type="button" className="btn btn-danger" onClick={() => setAsks(true)}>
        Erase…
      </button>
      <Confirm
        open={asks}
        onClose={() => setAsks(false)}
        title={`Erase ${what}?`}
        action={`Erase ${what}`}
        busy={erasing.isPending}
        onConfirm={() => erasing.mutate()}
      >
        {children}
      </Confirm>
    </>
  );
}
