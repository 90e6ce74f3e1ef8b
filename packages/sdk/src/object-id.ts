/** Makes a resource id of 24 hex digits that sorts by time: four bytes of Unix seconds, eight random bytes. */
export function newObjectId(nowMs: number): string {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  const chance = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return Math.floor(nowMs / 1000)
    .toString(16)
    .padStart(8, "0")
    .concat(chance);
}
