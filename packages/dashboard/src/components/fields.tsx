import { type ReactNode, useId } from "react";
import { ApiFailure } from "../api/problem.ts";

/** The fault of a member of the body, in the API's own words; undefined when there is none. */
export function faultOf(error: unknown, ...path: readonly string[]): string | undefined {
  if (!(error instanceof ApiFailure)) return undefined;
  const found = error.faults.find(({ loc }) => {
    const [, ...member] = loc.map(String);
    return path.every((part, index) => member[index] === part) && member.length > 0;
  });
  return found && upperFirst(found.msg);
}

const upperFirst = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** A refusal that names no member of the form; it is shown above the button. */
export function FormFault({ error, known }: { error: unknown; known: readonly string[] }) {
  if (!error) return null;
  const named =
    error instanceof ApiFailure &&
    error.faults.some(({ loc }) => loc.some((part) => known.includes(String(part))));
  return (
    <p role="alert" className="text-bad">
      {named
        ? "Something is not right yet; see the fields above."
        : error instanceof Error
          ? error.message
          : "It did not work."}
      {error instanceof ApiFailure && error.requestId && (
        <span className="mono block text-ink-3">Request {error.requestId}</span>
      )}
    </p>
  );
}

/** A label, its field, a hint and a fault. The field gets the ids that connect them. */
export function Field({
  label,
  hint,
  fault,
  children,
}: {
  label: string;
  hint?: ReactNode;
  fault?: string | undefined;
  children: (props: {
    id: string;
    "aria-invalid": boolean;
    "aria-describedby": string | undefined;
  }) => ReactNode;
}) {
  const id = useId();
  const described = [hint && `${id}-hint`, fault && `${id}-fault`].filter(Boolean).join(" ");
  return (
    <div className="grid content-start gap-1">
      <label htmlFor={id} className="font-[550]">
        {label}
      </label>
      {children({
        id,
        "aria-invalid": fault !== undefined,
        "aria-describedby": described === "" ? undefined : described,
      })}
      {hint && (
        <p id={`${id}-hint`} className="text-xs text-ink-3">
          {hint}
        </p>
      )}
      {fault && (
        <p id={`${id}-fault`} className="text-xs text-bad">
          {fault}
        </p>
      )}
    </div>
  );
}

type TextProps = {
  label: string;
  value: string;
  onChange: (value: string) => void;
  hint?: ReactNode;
  fault?: string | undefined;
  type?: "text" | "url" | "password" | "number";
  placeholder?: string;
  required?: boolean;
  mono?: boolean;
  min?: number;
  max?: number;
};

/** A text in one line. */
export const TextField = ({
  label,
  hint,
  fault,
  onChange,
  mono,
  type = "text",
  ...rest
}: TextProps) => (
  <Field label={label} hint={hint} fault={fault}>
    {(ids) => (
      <input
        {...ids}
        {...rest}
        // The service validates a URL, in its own words.
        type={type === "url" ? "text" : type}
        inputMode={type === "url" ? "url" : undefined}
        autoComplete="off"
        spellCheck={false}
        className={`field ${mono ? "mono" : ""}`}
        onChange={({ target }) => onChange(target.value)}
      />
    )}
  </Field>
);

/** Some of several choices. */
export function CheckList({
  legend,
  options,
  chosen,
  onChange,
  fault,
  about = {},
}: {
  legend: string;
  options: readonly string[];
  chosen: readonly string[];
  onChange: (chosen: string[]) => void;
  fault?: string | undefined;
  /** A sentence about each choice. */
  about?: Readonly<Record<string, string>>;
}) {
  const id = useId();
  return (
    <fieldset className="grid gap-1" aria-describedby={fault ? `${id}-fault` : undefined}>
      <legend className="mb-1 flex w-full items-baseline gap-3 font-[550]">
        {legend}
        <button
          type="button"
          className="link text-xs font-normal"
          onClick={() => onChange(chosen.length === options.length ? [] : [...options])}
        >
          {chosen.length === options.length ? "none" : "all"}
        </button>
      </legend>
      <div className="grid gap-x-4 sm:grid-cols-2">
        {options.map((option) => (
          <label
            key={option}
            className="flex min-h-8 items-center gap-2 pointer-coarse:min-h-10"
            title={about[option]}
          >
            <input
              type="checkbox"
              className="size-4 shrink-0 accent-accent"
              checked={chosen.includes(option)}
              onChange={({ target }) =>
                onChange(
                  options.filter((o) => (o === option ? target.checked : chosen.includes(o))),
                )
              }
            />
            <span className="mono min-w-0 break-words">{option}</span>
          </label>
        ))}
      </div>
      {fault && (
        <p id={`${id}-fault`} className="text-xs text-bad">
          {fault}
        </p>
      )}
    </fieldset>
  );
}

/** A checkbox with the meaning of "yes". */
export const Check = ({
  label,
  hint,
  checked,
  onChange,
}: {
  label: string;
  hint?: ReactNode;
  checked: boolean;
  onChange: (checked: boolean) => void;
}) => (
  <label className="flex items-start gap-2 py-1">
    <input
      type="checkbox"
      className="mt-0.5 size-4 shrink-0 accent-accent"
      checked={checked}
      onChange={({ target }) => onChange(target.checked)}
    />
    <span>
      <span className="font-[550]">{label}</span>
      {hint && <span className="block text-xs text-ink-3">{hint}</span>}
    </span>
  </label>
);
