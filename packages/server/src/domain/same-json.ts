import { closingQuote, type JsonText } from "./json-text.ts";

/**
 * Tells whether two texts are equal as JSON; null equals only null.
 *
 * White space, the order of members and the spelling of strings and numbers do not matter: `1` and `1.0` are equal.
 * Nothing is rounded: 12345678901234567890 and 12345678901234567891 differ.
 */
export function sameJson(a: JsonText | null, b: JsonText | null): boolean {
  if (a === b) return true;
  return a !== null && b !== null && canonicalJson(a) === canonicalJson(b);
}

/** An object or a list that is being read. */
type Open =
  | { kind: "object"; key: string | undefined; members: [key: string, value: string][] }
  | { kind: "list"; text: string };

const scalarEnd = /[\s,\]}]/g;

/** Writes a JSON value in a canonical form: equal values have the same form. The form is not JSON. */
export function canonicalJson(text: JsonText): string {
  // Most members are strings without escapes.
  if (text.length > 1 && text.startsWith('"') && text.endsWith('"') && !text.includes("\\"))
    return text;
  // An explicit stack: deep nesting cannot overflow it.
  const opened: Open[] = [];
  let whole = "";
  const take = (value: string): void => {
    const within = opened.at(-1);
    if (within === undefined) whole = value;
    else if (within.kind === "list") within.text += `${within.text === "" ? "" : ","}${value}`;
    else if (within.key === undefined) within.key = value;
    else {
      within.members.push([within.key, value]);
      within.key = undefined;
    }
  };

  for (let i = 0; i < text.length; i++) {
    switch (text[i]) {
      case "{":
        opened.push({ kind: "object", key: undefined, members: [] });
        break;
      case "[":
        opened.push({ kind: "list", text: "" });
        break;
      case "}":
      case "]": {
        const closed = opened.pop();
        if (closed !== undefined) take(printed(closed));
        break;
      }
      case '"': {
        const end = closingQuote(text, i);
        take(canonicalString(text.slice(i, end + 1)));
        i = end;
        break;
      }
      case ":":
      case ",":
      case " ":
      case "\t":
      case "\n":
      case "\r":
        break;
      default: {
        scalarEnd.lastIndex = i;
        const end = scalarEnd.exec(text)?.index ?? text.length;
        take(canonicalScalar(text.slice(i, end)));
        i = end - 1;
      }
    }
  }
  return whole;
}

// Built with +=, which copies nothing: join would copy deep nesting once for each level.
function printed(closed: Open): string {
  if (closed.kind === "list") return `[${closed.text}]`;
  closed.members.sort(([a], [b]) => (a < b ? -1 : 1));
  let text = "{";
  for (const [key, value] of closed.members) text += `${text === "{" ? "" : ","}${key}:${value}`;
  return `${text}}`;
}

const canonicalString = (source: string): string =>
  source.includes("\\") ? JSON.stringify(JSON.parse(source)) : source;

const numberParts = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;
/** A longer exponent is kept as it is written: no platform uses such numbers. */
const exponentLengthMax = 15;

/** Writes a number as its digits without zeros at either end, and a power of ten. */
function canonicalScalar(source: string): string {
  const parts = numberParts.exec(source);
  if (!parts) return source;
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = parts;
  if (exponent.length > exponentLengthMax) return source;
  const digits = whole + fraction;
  let first = 0;
  let last = digits.length;
  while (first < last && digits[first] === "0") first++;
  while (last > first && digits[last - 1] === "0") last--;
  if (first === last) return "0";
  const power = Number(exponent) - fraction.length + (digits.length - last);
  return `${sign}${digits.slice(first, last)}e${power}`;
}
