import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";

/** Where a sealed value lives; bound into the seal, so that it opens nowhere else. */
export type SealPlace = { table: string; column: string; teamId: string; rowId: string };

/** Seals and opens secrets with AES-256-GCM under the operator's keys. */
export type Keyring = {
  /** The id of the key that seals. */
  currentKeyId: string;
  keyIds: readonly string[];
  seal(plain: string, place: SealPlace): Buffer;
  /** Opens what any of the keys sealed; throws `SealError` when it was altered, moved, or sealed by another key. */
  open(sealed: Buffer, place: SealPlace): string;
};

/** A sealed value that does not open. The message never holds the value. */
export class SealError extends Error {}

const formatVersion = 1;
const keyIdBytes = 4;
const nonceBytes = 12;
const tagBytes = 16;
const headBytes = 1 + keyIdBytes + nonceBytes;

/**
 * Makes the keyring from 32-byte keys; the first one seals, all of them open.
 *
 * A record is: version (1 byte), key id (4 bytes of the key's SHA-256), nonce (12), tag (16), ciphertext.
 */
export function openKeyring(keys: readonly Buffer[]): Keyring {
  const byId = new Map(keys.map((key) => [keyId(key), key]));
  const [current] = keys;
  if (current === undefined) throw new Error("a keyring needs a key");
  const currentKeyId = keyId(current);

  return {
    currentKeyId,
    keyIds: [...byId.keys()],
    seal(plain, place) {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv("aes-256-gcm", current, nonce).setAAD(placeBytes(place));
      const ciphertext = Buffer.concat([cipher.update(plain, "utf8"), cipher.final()]);
      return Buffer.concat([
        Buffer.from([formatVersion]),
        Buffer.from(currentKeyId, "hex"),
        nonce,
        cipher.getAuthTag(),
        ciphertext,
      ]);
    },
    open(sealed, place) {
      const id = sealed.toString("hex", 1, 1 + keyIdBytes);
      const key = byId.get(id);
      if (sealed[0] !== formatVersion || sealed.length < headBytes + tagBytes || !key) {
        throw new SealError(
          `${place.table}.${place.column} of ${place.rowId} was sealed by a key this process does not have`,
        );
      }
      const nonce = sealed.subarray(1 + keyIdBytes, headBytes);
      const decipher = createDecipheriv("aes-256-gcm", key, nonce)
        .setAAD(placeBytes(place))
        .setAuthTag(sealed.subarray(headBytes, headBytes + tagBytes));
      try {
        return decipher
          .update(sealed.subarray(headBytes + tagBytes), undefined, "utf8")
          .concat(decipher.final("utf8"));
      } catch {
        throw new SealError(
          `${place.table}.${place.column} of ${place.rowId} was altered or moved`,
        );
      }
    },
  };
}

const keyId = (key: Buffer): string =>
  createHash("sha256")
    .update("postrider key id")
    .update(key)
    .digest("hex")
    .slice(0, keyIdBytes * 2);

const placeBytes = (place: SealPlace): Buffer =>
  Buffer.from([place.table, place.column, place.teamId, place.rowId].join("\n"));
