import type { Keyring, SealContext } from "./secrets.ts";

/**
 * Values that are sealed if their team wants it: payloads, documents, messages.
 *
 * In the database, a sealed value is a zero byte and the sealed record. Neither JSON nor a text that this service accepts
 * begins with a zero byte, so the first byte shows whether a value is sealed. As text, a sealed value is U+0000 and
 * base64.
 */

const mark = Buffer.from([0]);
const textMark = "\0";

/** Seals a value for its column. */
export const sealValue = (keyring: Keyring, plain: Buffer | string, place: SealContext): Buffer =>
  Buffer.concat([mark, keyring.seal(plain, place)]);

/** Opens a sealed value; returns any other value unchanged. Throws `SealError`. */
export const openValue = (keyring: Keyring, value: Buffer, place: SealContext): Buffer =>
  value[0] === 0 ? keyring.openBytes(value.subarray(1), place) : value;

/** Reads a column as text; a sealed value stays sealed. */
export const valueText = (value: Buffer): string =>
  value[0] === 0 ? textMark + value.toString("base64", 1) : value.toString("utf8");

/** Converts text for a column; a sealed value stays sealed. */
export const textValue = (text: string): Buffer =>
  text.startsWith(textMark)
    ? Buffer.concat([mark, Buffer.from(text.slice(1), "base64")])
    : Buffer.from(text);

/** Seals a text for a column. */
export const sealText = <Text extends string>(
  keyring: Keyring,
  plain: Text,
  place: SealContext,
): Text => (textMark + keyring.seal(plain, place).toString("base64")) as Text;

/** Opens a sealed text of a column; returns any other text unchanged. Throws `SealError`. */
export const openText = <Text extends string>(
  keyring: Keyring,
  text: Text,
  place: SealContext,
): Text =>
  text.startsWith(textMark)
    ? (keyring.open(Buffer.from(text.slice(1), "base64"), place) as Text)
    : text;
