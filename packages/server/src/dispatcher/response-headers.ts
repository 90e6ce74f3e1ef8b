const keptBytesMax = 4 * 1024;

/** What opens the receiver's own doors is nothing that its history needs. */
const secretHeaders: ReadonlySet<string> = new Set(["set-cookie", "set-cookie2"]);
const hiddenValue = "***";

/**
 * The headers of an answer as a JSON object by lower-case name, of at most 4 KiB: what does not fit is left out. Repeated
 * fields are joined by ", " (RFC 9110 5.3); cookies are `***`. `raw` are names and values in turn.
 */
export function keptResponseHeaders(raw: readonly Buffer[]): string {
  const kept = new Map<string, string>();
  let bytes = "{}".length;
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at]?.toString("latin1").toLowerCase() ?? "";
    const secret = secretHeaders.has(name);
    const value = secret ? hiddenValue : (raw[at + 1]?.toString("latin1") ?? "");
    const before = kept.get(name);
    if (secret && before !== undefined) continue;
    // The name in its quotes, a colon and a comma; or the comma and blank in between.
    bytes +=
      Buffer.byteLength(JSON.stringify(value)) + (before === undefined ? name.length + 4 : 2);
    if (bytes > keptBytesMax) break;
    kept.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return JSON.stringify(Object.fromEntries(kept));
}
