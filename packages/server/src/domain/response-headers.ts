/** The most characters of an answer's headers that are kept. */
const keptMax = 4 * 1024;

/** Cookies can give access to the receiver, and nobody needs them in the history. */
const secretName = /^set-cookie2?$/i;
const secretLengths = ["set-cookie".length, "set-cookie2".length];
const hiddenValue = "***";

/**
 * The headers of an answer as they are stored: lines of `name: value`, unchanged, at most 4 KiB. What does not fit is
 * left out; cookies are `***`. `raw`: names and values in turn, in latin1.
 */
export function keptResponseHeaders(raw: readonly string[]): string {
  let text = "";
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] ?? "";
    const secret = secretLengths.includes(name.length) && secretName.test(name);
    const value = secret ? hiddenValue : (raw[at + 1] ?? "");
    const line = `${name}: ${value}\n`;
    if (text.length + line.length > keptMax) break;
    text += line;
  }
  return text;
}

/** Stored headers by lower-case name; repeated ones are joined by ", " (RFC 9110 5.3), and several cookies are shown as one. */
export function shownResponseHeaders(kept: string): Record<string, string> {
  const headers = new Map<string, string>();
  for (const line of kept.split("\n").slice(0, -1)) {
    const end = line.indexOf(": ");
    const [name, value] = [line.slice(0, end).toLowerCase(), line.slice(end + 2)];
    const before = headers.get(name);
    const joined = before === undefined || secretName.test(name) ? value : `${before}, ${value}`;
    headers.set(name, joined);
  }
  return Object.fromEntries(headers);
}
