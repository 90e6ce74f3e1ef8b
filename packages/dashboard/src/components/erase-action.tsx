import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useLocation } from "wouter";
import { useMay } from "../shell/viewer.tsx";
import { Confirm } from "./dialogs.tsx";
import { say, sayFailure } from "./toasts.tsx";

type Props = {
  /** What is erased, as in "this call". */
  what: string;
  /** What is erased with it. */
  children: ReactNode;
  erase: () => Promise<void>;
  /** The address of the list to return to. */
  back: string;
};

/** A button that erases something with all its data, if the viewer may; it asks first. */
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
      // Cached answers about it are outdated now.
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
