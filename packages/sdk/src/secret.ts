import { kindOf, viewOf } from "./guards.ts";

const PREFIX = "whsec_";
const SECRET_BYTES_MIN = 24;
const SECRET_BYTES_MAX = 64;

/**
 * Reads the bytes of a `whsec_…` signing secret: strict base64 of 24 to 64 bytes.
 *
 * Throws a TypeError that never quotes the secret. Runs wherever `atob` does.
 */
export function parseSecret(secret: string): Uint8Array<ArrayBuffer> {
  if (typeof secret !== "string" || secret === "") {
    throw new TypeError(`The signing secret is ${kindOf(secret)}. It is a text like "${PREFIX}…".`);
  }
  const problem = frameProblem(secret);
  if (problem !== undefined) throw new TypeError(`The signing secret ${problem}`);
  const base64 = secret.slice(PREFIX.length);
  const bytes = decodeBase64(base64);
  // Encoding it again finds what `atob` accepts: white space, missing padding, extra bits.
  if (bytes === undefined || encodeBase64(bytes) !== base64) {
    throw new TypeError(`The signing secret must be base64 after "${PREFIX}".`);
  }
  requireLength(bytes);
  return bytes;
}

/** Reads one or several signing secrets; throws a TypeError if there is none or one is invalid. */
export function requireSecrets(secret: unknown): Uint8Array<ArrayBuffer>[] {
  const secrets = Array.isArray(secret) ? Array.from<string>(secret) : [secret as string];
  if (secrets.length === 0) throw new TypeError("At least one signing secret is needed.");
  return secrets.map(parseSecret);
}

/** Prints 24 to 64 bytes as a `whsec_…` signing secret; throws a TypeError for anything else. */
export function encodeSecret(bytes: Uint8Array): string {
  const view = viewOf(bytes);
  if (view === undefined) {
    throw new TypeError(`The signing secret must be made of bytes, not of ${kindOf(bytes)}.`);
  }
  requireLength(view);
  return PREFIX + encodeBase64(view);
}

/**
 * Requires a decoded signing secret of 24 to 64 bytes and gives its bytes.
 *
 * The bytes of the text `whsec_…` are refused: a receiver, which decodes the secret, would compute another signature.
 */
export function requireSigningKey(key: unknown): Uint8Array {
  const view = viewOf(key);
  if (view === undefined) {
    throw new TypeError("The signing secret must be bytes. Decode it with decodeSecret.");
  }
  if ([...PREFIX].every((letter, index) => view[index] === letter.charCodeAt(0))) {
    throw new TypeError(`The signing secret is still a text "${PREFIX}…". Use decodeSecret.`);
  }
  requireLength(view);
  return view;
}

/** Prints bytes as base64 with padding, wherever `btoa` exists. */
export function encodeBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/** Finds a wrong prefix, or blanks and quotes around the secret. */
function frameProblem(secret: string): string | undefined {
  if (secret.trim() !== secret) return "has a blank or line break around it. Trim it.";
  if (/^["'`]|["'`]$/.test(secret)) return "has quotes around it. Take them away.";
  if (/^v\d\w*,/.test(secret)) return 'begins with "v1,", which belongs to signatures.';
  return secret.startsWith(PREFIX) ? undefined : `must begin with "${PREFIX}".`;
}

function decodeBase64(base64: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  } catch {
    return undefined;
  }
}

function requireLength(bytes: Uint8Array): void {
  if (bytes.length < SECRET_BYTES_MIN || bytes.length > SECRET_BYTES_MAX) {
    throw new TypeError(
      `The signing secret must hold ${SECRET_BYTES_MIN} to ${SECRET_BYTES_MAX} bytes.`,
    );
  }
}
