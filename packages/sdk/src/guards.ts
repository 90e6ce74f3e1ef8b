/*
 * Run-time checks of callers' values: TypeScript's types do not protect JavaScript callers, and a value that is
 * undefined by mistake must never become a key that everybody knows. Each guard names what is valid and throws a TypeError
 * for everything else. No message quotes a value: it may be a secret.
 */

/** Bytes in any form. Text stands for its UTF-8. */
export type Bytes = string | ArrayBuffer | SharedArrayBuffer | ArrayBufferView;

const printableAscii = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

/** Says what a value is, without quoting it. */
export function kindOf(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (value === "") return "empty";
  if (Array.isArray(value)) return "an array";
  const kind = typeof value;
  return kind === "object" ? "an object" : `a ${kind}`;
}

/** Requires text that is not empty and valid in UTF-8: two different broken texts can have the same bytes. */
export function requireText(value: unknown, name: string): string {
  if (typeof value !== "string" || value === "") {
    throw new TypeError(`${name} must be a non-empty string, but it is ${kindOf(value)}.`);
  }
  if (/\p{Surrogate}/u.test(value)) throw new TypeError(`${name} holds half of a surrogate pair.`);
  return value;
}

/** Requires a valid header value: printable ASCII, without blanks or line breaks at its ends. */
export function requireHeaderText(value: unknown, name: string): string {
  const text = requireText(value, name);
  if (text.trim() !== text) {
    throw new TypeError(`${name} has a blank or line break around it. Trim it.`);
  }
  if (!printableAscii.test(text)) {
    throw new TypeError(`${name} must be printable ASCII: nothing else travels in a header.`);
  }
  return text;
}

/** Requires a signal that can end a request. */
export function requireSignal(value: unknown, name: string): void {
  const { addEventListener } = (value ?? {}) as Partial<AbortSignal>;
  if (typeof addEventListener !== "function") {
    throw new TypeError(`${name} must be an AbortSignal, but it is ${kindOf(value)}.`);
  }
}

/** Requires the raw body of a request and gives its bytes, without a copy where there is one already. */
export function requireBody(value: unknown): Uint8Array {
  if (typeof value === "string") return new TextEncoder().encode(value);
  const bytes = viewOf(value);
  if (bytes !== undefined) return bytes;
  throw new TypeError(bodyProblem(value));
}

/** Gives the bytes of a buffer or of any view of one; undefined for everything else. */
export function viewOf(value: unknown): Uint8Array | undefined {
  try {
    // A DataView can be made of buffers only, also of those of another realm and of shared ones.
    const { buffer, byteOffset, byteLength } = ArrayBuffer.isView(value)
      ? value
      : new DataView(value as ArrayBuffer);
    return new Uint8Array(buffer, byteOffset, byteLength);
  } catch {
    return undefined;
  }
}

function bodyProblem(value: unknown): string {
  if (value === undefined || value === null) {
    return `The body is ${value}. Pass the raw bytes of the request, before any middleware reads them.`;
  }
  const { then, text, getReader, pipe } = value as Record<string, unknown>;
  if (typeof then === "function") return "The body is a promise. Await it first.";
  if ([text, getReader, pipe].some((member) => typeof member === "function")) {
    return "The body has not been read. Pass its raw bytes, as request.text() or request.arrayBuffer() gives them.";
  }
  return "The body was parsed before. Pass the raw bytes.";
}

/**
 * Requires the value of one header, as a framework hands it over, and gives its text.
 *
 * A request without the header (undefined, null), or with more than one (an array), is an error of the sender, not of
 * the caller: this function returns undefined, and the verifier refuses the request.
 */
export function requireHeaderValue(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string") return value;
  if (isTexts(value)) return undefined;
  throw new TypeError(`The header's value must be a string, but it is ${kindOf(value)}.`);
}

/** Requires a number within bounds, both of them included. */
export function requireNumber(
  value: unknown,
  name: string,
  { min, max = Number.MAX_VALUE, whole = false }: { min: number; max?: number; whole?: boolean },
): number {
  const valid = typeof value === "number" && value >= min && value <= max;
  if (valid && (!whole || Number.isInteger(value))) return value;
  const upTo = max === Number.MAX_VALUE ? " or more" : ` to ${max}`;
  const kind = whole ? "a whole number" : "a finite number";
  throw new TypeError(`${name} must be ${kind}, ${min}${upTo}.`);
}

/** Requires a function. */
export function requireFunction(value: unknown, name: string): void {
  if (typeof value !== "function") {
    throw new TypeError(`${name} must be a function, but it is ${kindOf(value)}.`);
  }
}

/** Requires an object of members, not an array, a function or an object of some other kind. */
export function requireObject(value: unknown, name: string): Record<string, unknown> {
  if (Object.prototype.toString.call(value) !== "[object Object]") {
    throw new TypeError(`${name} must be an object, but it is ${kindOf(value)}.`);
  }
  return value as Record<string, unknown>;
}

/** Requires known options: a misspelt or unnamed option would be ignored silently. */
export function requireOptions<Options extends object>(
  value: Options | undefined,
  known: Record<keyof Options, (value: unknown, name: string) => unknown>,
  where = "The options",
): void {
  if (value === undefined) return;
  for (const [name, given] of Object.entries(requireObject(value, where))) {
    const check = Object.hasOwn(known, name) ? known[name as keyof Options] : undefined;
    if (check === undefined) {
      throw new TypeError(
        `${where} have no member "${name}"; there are ${Object.keys(known).join(", ")}.`,
      );
    }
    if (given !== undefined) check(given, name);
  }
}

/** Makes a path segment from an id. "." and ".." would change the path of the URL. */
export function pathSegment(id: string): string {
  const text = requireText(id, "The id");
  if (text === "." || text === "..") throw new TypeError(`The id must not be "${text}".`);
  return encodeURIComponent(text);
}

/** Says whether a value is an array of strings. */
export const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((one) => typeof one === "string");
