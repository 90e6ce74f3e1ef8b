import { createHash, randomBytes } from "node:crypto";

/** The scopes of a key; no scope contains another. */
export const scopes = ["read", "write", "publish", "payload", "admin"] as const;
export type Scope = (typeof scopes)[number];

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const secretLength = 40;
const checksumLength = 6;

/**
 * Makes the key of this id: `prk_<env>_<id>_<secret><checksum>`.
 *
 * The text is shown once. Only `secretSha256`, and `prefix` and `last4` to recognise it, are stored. With the checksum, a
 * mistyped key is refused without the database, and secret scanners can recognise real keys.
 */
export function newApiKey(
  env: "dev" | "live",
  id: string,
): { text: string; secretSha256: Buffer; prefix: string; last4: string } {
  const secret = randomBase62(secretLength);
  const head = `prk_${env}_${id}_${secret}`;
  const text = head + checksum(head);
  const prefix = `prk_${env}_${id}`;
  return { text, secretSha256: hashSecret(secret), prefix, last4: text.slice(-4) };
}

/** Reads a key; undefined when it has another form or its checksum is wrong. */
export function parseApiKey(text: string): { env: string; id: string; secret: string } | undefined {
  if (text.length > 200) return undefined;
  const parts = /^(prk_([a-z]+)_([0-9a-f]{24})_([0-9A-Za-z]{32,}))([0-9A-Za-z]{6})$/.exec(text);
  const [, head, env, id, secret, sum] = parts ?? [];
  if (!head || !env || !id || !secret) return undefined;
  return checksum(head) === sum ? { env, id, secret } : undefined;
}

/** Hashes a key's secret the way it is stored: SHA-256. A long random secret needs no slow hash. */
export function hashSecret(secret: string): Buffer {
  return createHash("sha256").update(secret).digest();
}

function randomBase62(length: number): string {
  let text = "";
  while (text.length < length) {
    for (const byte of randomBytes(length)) {
      // 248 is 4 × 62: bytes above it would favour the first characters.
      if (byte < 248 && text.length < length) text += alphabet.charAt(byte % 62);
    }
  }
  return text;
}

function checksum(text: string): string {
  let rest = crc32(text);
  let sum = "";
  for (let i = 0; i < checksumLength; i++) {
    sum = alphabet.charAt(rest % 62) + sum;
    rest = Math.floor(rest / 62);
  }
  return sum;
}

/** CRC-32 as in zip and PNG (ISO 3309); node:zlib has it only from 20.15 and 22.2 on. */
function crc32(text: string): number {
  let crc = 0xffffffff;
  for (const byte of Buffer.from(text)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
