const PREFIX = "whsec_";
const SECRET_BYTES_MIN = 24;
const SECRET_BYTES_MAX = 64;

/**
 * Reads the bytes of a `whsec_…` signing secret: strict base64 of 24 to 64 bytes.
 *
 * Throws a TypeError that never quotes the secret. Runs wherever `atob` does.
 */
export function parseSecret(secret: string): Uint8Array<ArrayBuffer> {
  if (!secret.startsWith(PREFIX)) {
    throw new TypeError(`The signing secret must begin with "${PREFIX}".`);
  }
  const base64 = secret.slice(PREFIX.length);
  const bytes = decodeBase64(base64);
  // Printing it again catches what `atob` forgives: white space, missing padding, stray bits.
  if (bytes === undefined || encodeBase64(bytes) !== base64) {
    throw new TypeError(`The signing secret must be base64 after "${PREFIX}".`);
  }
  requireLength(bytes);
  return bytes;
}

/** Prints 24 to 64 bytes as a `whsec_…` signing secret; throws a TypeError on any other number. */
export function encodeSecret(bytes: Uint8Array): string {
  requireLength(bytes);
  return PREFIX + encodeBase64(bytes);
}

/** Prints bytes as base64 with padding, wherever `btoa` exists. */
export function encodeBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

function decodeBase64(base64: string): Uint8Array<ArrayBuffer> | undefined {
  let binary: string;
  try {
    binary = atob(base64);
  } catch {
    return undefined;
  }
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

function requireLength(bytes: Uint8Array): void {
  if (bytes.length < SECRET_BYTES_MIN || bytes.length > SECRET_BYTES_MAX) {
    throw new TypeError(
      `The signing secret must hold ${SECRET_BYTES_MIN} to ${SECRET_BYTES_MAX} bytes.`,
    );
  }
}
