declare const brand: unique symbol;

/**
 * The source text of one valid JSON value, kept unchanged byte for byte.
 *
 * Parsing and printing again would: 12345678901234567890, 1.0, 1e400 and the order of integer-like
 * keys do not survive it. Only the functions of this file make one.
 */
export type JsonText = string & { readonly [brand]: true };

/** Tells what a text is: JSON with its parsed value and its top-level members, or why it is refused. */
export type JsonScan =
  | { ok: true; value: unknown; text: JsonText; members: Map<string, JsonText> | undefined }
  | { ok: false; reason: string };

type Shape =
  | { kind: "members"; members: Map<string, JsonText> | undefined }
  | { kind: "too_deep" }
  | { kind: "duplicate"; key: string };

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/**
 * Checks one text against RFC 8259 and gives each top-level member of an object as its exact source text.
 *
 * Stricter than `JSON.parse`: refuses more than `depthMax` levels (`[]` is one level), a key that
 * occurs twice in one object however it is escaped (RFC 8259 §4 leaves its meaning open), and raw
 * lone surrogates, which UTF-8 cannot encode. Escaped ones (`"\ud83d"`, half an emoji) are
 * allowed: they are plain ASCII on the wire and are passed on unchanged. `members` is undefined when
 * the text is not an object; `value` is what `JSON.parse` makes of it, so numbers may have been rounded.
 * A reason quotes nothing of the text but a duplicate key.
 */
export function scanJson(text: string, limits: { depthMax: number }): JsonScan {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { ok: false, reason: `not valid JSON${positionOf(error)}` };
  }
  if (!text.isWellFormed()) return { ok: false, reason: "not valid Unicode: a lone surrogate" };

  const shape = scanShape(text, limits.depthMax);
  switch (shape.kind) {
    case "members":
      return { ok: true, value, text: text as JsonText, members: shape.members };
    case "too_deep":
      return { ok: false, reason: `nested deeper than ${limits.depthMax} levels` };
    case "duplicate":
      return {
        ok: false,
        reason: `the key ${JSON.stringify(shape.key.slice(0, 64))} occurs twice`,
      };
    default:
      throw new Error(`unknown shape ${shape satisfies never}`);
  }
}

/** Prints a trusted value as JSON; throws on a value that JSON cannot express, such as `undefined` or a function. */
export function jsonText(value: unknown): JsonText {
  const text: string | undefined = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`JSON cannot say ${typeof value}`);
  return text as JsonText;
}

/** Gives the members of an object, in order, each as its exact source text; none for any other value. */
export function jsonMembers(text: JsonText): Map<string, JsonText> {
  const shape = scanShape(text, Number.POSITIVE_INFINITY);
  return (shape.kind === "members" ? shape.members : undefined) ?? new Map();
}

/** Gives the items of a list, in order, each as its exact source text; none for any other value. */
export function jsonItems(text: JsonText): JsonText[] {
  const items: JsonText[] = [];
  let depth = 0;
  let start = -1; // Of the item being read, or -1 outside of the list.
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case QUOTE:
        i = closingQuote(text, i);
        break;
      case COMMA:
        if (depth === 1 && start >= 0) {
          items.push(valueText(text, start, i));
          start = i + 1;
        }
        break;
      case OPEN_BRACE:
      case OPEN_BRACKET:
        depth++;
        if (depth === 1 && text.charCodeAt(i) === OPEN_BRACKET) start = i + 1;
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        if (depth === 1 && start >= 0) items.push(valueText(text, start, i));
        depth--;
        break;
    }
  }
  return items.length === 1 && items[0] === "" ? [] : items;
}

/**
 * Builds an object from the given members, leaving out the undefined ones.
 *
 * As in an object literal, a name given twice keeps its first place and takes its last value.
 */
export function joinObject(
  members: Iterable<readonly [name: string, value: JsonText | undefined]>,
): JsonText {
  let text = "";
  for (const [name, value] of new Map(members)) {
    if (value === undefined) continue;
    text += `${text === "" ? "" : ","}${JSON.stringify(name)}:${value}`;
  }
  return `{${text}}` as JsonText;
}

/**
 * Builds an object from trusted plain members followed by members of exact text.
 *
 * The undefined ones of both are left out. The names are identifiers, and those of the two differ.
 */
export function extendObject(
  plain: Record<string, unknown>,
  exact: readonly (readonly [name: string, value: JsonText | undefined])[],
): JsonText {
  let text = "";
  // Member by member: a third of the time that JSON.stringify takes for a small object.
  for (const name in plain) {
    const value = plain[name];
    if (value === undefined) continue;
    text += `${text === "" ? "" : ","}"${name}":${plainText(value)}`;
  }
  for (const [name, value] of exact) {
    if (value === undefined) continue;
    text += `${text === "" ? "" : ","}"${name}":${value}`;
  }
  return `{${text}}` as JsonText;
}

/** Prints a trusted value as `JSON.stringify` does; the usual kinds without asking it. */
function plainText(value: unknown): string {
  if (typeof value === "string") {
    return needsEscape.test(value) ? JSON.stringify(value) : `"${value}"`;
  }
  if (value instanceof Date) return `"${isoText(value)}"`;
  return value === null ? "null" : JSON.stringify(value);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what JSON must escape.
const needsEscape = /["\\\u0000-\u001f\ud800-\udfff]/;

let printedMs = Number.NaN;
let printed = "";

/** Prints a date, and keeps the last one: events of one batch mostly have the same time. */
function isoText(date: Date): string {
  const ms = date.getTime();
  if (ms !== printedMs) {
    printed = date.toISOString();
    printedMs = ms;
  }
  return printed;
}

/** Reads depth, keys and top-level members of a text that is known to be valid JSON, in one pass. */
function scanShape(text: string, depthMax: number): Shape {
  const keysAtDepth: (Keys | undefined)[] = [];
  let members: Map<string, JsonText> | undefined;
  let depth = 0;
  let memberKey = "";
  let keyStart = 0;
  let keyEnd = 0;
  let valueStart = -1; // Of the top-level member being read, or -1 outside of one.

  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case QUOTE:
        keyStart = i + 1;
        i = closingQuote(text, i);
        keyEnd = i;
        break;
      case COLON: {
        // The string just read was a key: outside of strings a colon can follow nothing else.
        const key = decodeKey(text.slice(keyStart, keyEnd));
        const keys = keysAtDepth[depth];
        if (keys === undefined) keysAtDepth[depth] = [key];
        else if (hasKey(keys, key)) return { kind: "duplicate", key };
        else keysAtDepth[depth] = withKey(keys, key);
        if (depth === 1) {
          memberKey = key;
          valueStart = i + 1;
        }
        break;
      }
      case COMMA:
        if (depth === 1) members?.set(memberKey, valueText(text, valueStart, i));
        break;
      case OPEN_BRACE:
      case OPEN_BRACKET:
        depth++;
        if (depth > depthMax) return { kind: "too_deep" };
        if (depth === 1 && text.charCodeAt(i) === OPEN_BRACE) members = new Map();
        keysAtDepth[depth] = undefined;
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        if (depth === 1 && valueStart >= 0) members?.set(memberKey, valueText(text, valueStart, i));
        depth--;
        break;
    }
  }
  return { kind: "members", members };
}

/** Holds the keys of one object: a list while they are few, because most objects are small. */
type Keys = string[] | Set<string>;

const LISTED_KEYS_MAX = 16;

function hasKey(keys: Keys, key: string): boolean {
  return Array.isArray(keys) ? keys.includes(key) : keys.has(key);
}

function withKey(keys: Keys, key: string): Keys {
  if (!Array.isArray(keys)) return keys.add(key);
  keys.push(key);
  return keys.length > LISTED_KEYS_MAX ? new Set(keys) : keys;
}

function decodeKey(source: string): string {
  return source.includes("\\") ? (JSON.parse(`"${source}"`) as string) : source;
}

/** Cuts out a member's value: in valid JSON only JSON's own white space can surround it. */
function valueText(text: string, start: number, end: number): JsonText {
  return text.slice(start, end).trim() as JsonText;
}

/** Finds the quote that ends a string; throws where there is none, which cannot happen in valid JSON. */
export function closingQuote(text: string, openingQuote: number): number {
  const candidate = text.indexOf('"', openingQuote + 1);
  if (candidate > 0 && text.charCodeAt(candidate - 1) !== BACKSLASH) return candidate;
  // Reads forwards: to look back at each quote would take quadratic time in a run of backslashes.
  for (let i = openingQuote + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) return i;
    if (code === BACKSLASH) i++;
  }
  throw new Error("A JsonText that is not JSON: a string in it does not end.");
}

/** Gives ` at position n` if the parser's message has it. The rest of the message may quote the text. */
function positionOf(error: unknown): string {
  const position = /at position \d+(?: \(line \d+ column \d+\))?$/.exec(String(error));
  return position ? ` ${position[0]}` : "";
}
