/** HMAC-SHA256 by WebCrypto: Node ≥ 20, browsers, edge runtimes. */
export async function hmacSha256(
  key: Uint8Array<ArrayBuffer>,
  content: Uint8Array,
): Promise<Uint8Array> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const imported = await crypto.subtle.importKey("raw", key, algorithm, false, ["sign"]);
  // A copy, because WebCrypto does not accept shared memory.
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, new Uint8Array(content)));
}

/** Compares two texts of equal length in a time that does not depend on where they differ. */
export function sameText(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
}
