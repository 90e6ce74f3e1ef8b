import { randomBytes } from "node:crypto";

/** A value that must not turn up where it does not belong. */
export type Canary = { name: string; value: string };

/** Where a canary was seen, and in which form. */
export type Sighting = { name: string; form: string };

/** A fragment of this many bytes of a value is as good as found. */
const fragmentBytes = 12;

/** Makes a value that nobody else would say: 40 small letters and digits, so that no usual encoding hides it. */
export const newCanary = (name: string): Canary => ({
  name,
  value: `c${BigInt(`0x1${randomBytes(32).toString("hex")}`)
    .toString(36)
    .slice(1, 40)}`,
});

/**
 * Makes a search for any fragment of the values: plain, as hex of either case, as base64 wherever it was cut, or
 * percent-encoded.
 */
export function searchFor(canaries: readonly Canary[]): (text: string) => Sighting[] {
  const byLength = new Map<number, Map<string, Sighting>>();
  const learn = (fragment: string, sighting: Sighting) => {
    const fragments = byLength.get(fragment.length) ?? new Map<string, Sighting>();
    byLength.set(fragment.length, fragments.set(fragment, sighting));
  };
  for (const { name, value } of canaries) {
    const bytes = Buffer.from(value);
    for (let start = 0; start + fragmentBytes <= bytes.length; start++) {
      const fragment = bytes.subarray(start, start + fragmentBytes);
      learn(fragment.toString("latin1"), { name, form: "plain" });
      learn(fragment.toString("hex"), { name, form: "hex" });
      learn(fragment.toString("hex").toUpperCase(), { name, form: "hex" });
      // Twelve bytes that begin with one of three are sixteen characters of base64 by themselves.
      learn(fragment.toString("base64"), { name, form: "base64" });
      learn(fragment.toString("base64url"), { name, form: "base64" });
      const percent = fragment.toString("hex").replaceAll(/../g, "%$&");
      learn(percent, { name, form: "percent" });
      learn(percent.toUpperCase(), { name, form: "percent" });
    }
  }
  return (text) => {
    const found = new Map<string, Sighting>();
    for (const [length, fragments] of byLength) {
      for (let start = 0; start + length <= text.length; start++) {
        const sighting = fragments.get(text.slice(start, start + length));
        if (sighting) found.set(`${sighting.name} ${sighting.form}`, sighting);
      }
    }
    return [...found.values()];
  };
}
