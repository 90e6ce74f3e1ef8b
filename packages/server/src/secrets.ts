import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from "node:crypto";

/** The place of a sealed value. The seal is bound to it: the value cannot be opened at another place. */
export type SealContext = { table: string; column: string; teamId: string; rowId: string };

/** Seals and opens secrets with AES-256-GCM under the operator's keys. */
export type Keyring = {
  /** The id of the key that seals. */
  currentKeyId: string;
  keyIds: readonly string[];
  seal(plain: string | Buffer, context: SealContext): Buffer;
  /** Opens a value that any of the keys sealed; throws `SealError` when it was altered, moved, or sealed by another key. */
  open(sealed: Buffer, context: SealContext): string;
  /** The same, as bytes. */
  openBytes(sealed: Buffer, context: SealContext): Buffer;
  /** Makes the tag (a MAC) of a public text, so that a changed text is recognised. */
  tag(text: string): Buffer;
  /** Says whether any of the keys made this tag of the text. */
  isTag(tag: Buffer, text: string): boolean;
};

/** A sealed value that cannot be opened. The message never contains the value. */
export class SealError extends Error {}

const formatVersion = 1;
const keyIdBytes = 4;
const nonceBytes = 12;
const tagBytes = 16;
const headBytes = 1 + keyIdBytes + nonceBytes;

/**
 * Makes the keyring from 32-byte keys: the first key seals, all keys open.
 *
 * A record is: version (1 byte), key id (4 bytes of the key's SHA-256), nonce (12), tag (16), ciphertext.
 */
export function openKeyring(keys: readonly Buffer[]): Keyring {
  const byId = new Map(keys.map((key) => [keyId(key), key]));
  const [current] = keys;
  if (current === undefined) throw new Error("a keyring needs a key");
  const currentKeyId = keyId(current);

  const openBytes = (sealed: Buffer, context: SealContext): Buffer => {
    const id = sealedBy(sealed);
    const key = byId.get(id);
    if (sealed[0] !== formatVersion || sealed.length < headBytes + tagBytes || !key) {
      throw new SealError(
        `${context.table}.${context.column} of ${context.rowId} was sealed by a key this process does not have`,
      );
    }
    const nonce = sealed.subarray(1 + keyIdBytes, headBytes);
    const decipher = createDecipheriv("aes-256-gcm", key, nonce)
      .setAAD(contextBytes(context))
      .setAuthTag(sealed.subarray(headBytes, headBytes + tagBytes));
    try {
      return Buffer.concat([
        decipher.update(sealed.subarray(headBytes + tagBytes)),
        decipher.final(),
      ]);
    } catch {
      throw new SealError(
        `${context.table}.${context.column} of ${context.rowId} was altered or moved`,
      );
    }
  };

  return {
    currentKeyId,
    keyIds: [...byId.keys()],
    seal(plain, context) {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv("aes-256-gcm", current, nonce).setAAD(contextBytes(context));
      const ciphertext = [cipher.update(plain), cipher.final()];
      const head = [Buffer.from([formatVersion]), Buffer.from(currentKeyId, "hex"), nonce];
      return Buffer.concat([...head, cipher.getAuthTag(), ...ciphertext]);
    },
    open: (sealed, context) => openBytes(sealed, context).toString("utf8"),
    openBytes,
    tag: (text) => tagUnder(current, text),
    isTag: (tag, text) =>
      tag.length === tagBytes && keys.some((key) => timingSafeEqual(tagUnder(key, text), tag)),
  };
}

/** With a key that is derived only for tags: the sealing key is used for nothing else. */
const tagUnder = (key: Buffer, text: string): Buffer =>
  createHmac("sha256", Buffer.from(hkdfSync("sha256", key, "", "postrider tags", 32)))
    .update(text)
    .digest()
    .subarray(0, tagBytes);

/** The id of the key that sealed a record. */
const sealedBy = (sealed: Buffer): string => sealed.toString("hex", 1, 1 + keyIdBytes);

/** The place of the key id in a record, counted from 1 as in SQL, and its length. */
export const keyIdInRecord = { from: 2, bytes: keyIdBytes };

const keyId = (key: Buffer): string =>
  createHash("sha256")
    .update("postrider key id")
    .update(key)
    .digest("hex")
    .slice(0, keyIdBytes * 2);

const contextBytes = (context: SealContext): Buffer =>
  Buffer.from([context.table, context.column, context.teamId, context.rowId].join("\n"));
