import { type ReactNode, useRef } from "react";
import { FormFault } from "./fields.tsx";
import { useFocusFault } from "./focus-fault.ts";

type Props = {
  /** The refusal; the first field that it names gets the focus. */
  error: unknown;
  /** The members of the body that the form shows. */
  known: readonly string[];
  saving: boolean;
  /** The button's text; undefined: no button. */
  action: string | undefined;
  onSave: () => void;
  /** Beside the button. */
  aside?: ReactNode;
  children: ReactNode;
};

/** A form that creates or changes one thing: its fields, a refusal, and the button that saves. */
export function FormShell({ error, known, saving, action, onSave, aside, children }: Props) {
  const form = useRef<HTMLFormElement>(null);
  useFocusFault(form, error);
  return (
    <form
      ref={form}
      noValidate
      className="grid max-w-2xl gap-5 p-4"
      onSubmit={(event) => {
        event.preventDefault();
        onSave();
      }}
    >
      {children}
      <FormFault error={error} known={known} />
      <div className="flex flex-wrap gap-2">
        {action !== undefined && (
          <button type="submit" className="btn btn-primary" disabled={saving}>
            {saving ? "Saving…" : action}
          </button>
        )}
        {aside}
      </div>
    </form>
  );
}
