import { type RefObject, useEffect } from "react";

/** Moves the focus to the first field with a fault, whenever a form was refused. */
export function useFocusFault(form: RefObject<HTMLFormElement | null>, error: unknown): void {
  useEffect(() => {
    if (error) form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [form, error]);
}
