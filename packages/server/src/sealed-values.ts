import type { Keyring, SealContext } from "./secrets.ts";

/**
 * Payload-like values, which a team may want sealed or not: payloads, documents, what somebody said.
 *
 * In the database a sealed one is a zero byte and then the sealed record: neither JSON nor a text that this service
 * accepts can begin with it, so every value says itself what it is. As text, a sealed one is U+0000 and base64.
 */

const mark = Buffer.from([0]);
const textMark = "\0";

/** Seals a value for its column. */
export const sealValue = (keyring: Keyring, plain: Buffer | string, place: SealContext): Buffer =>
  Buffer.concat([mark, keyring.seal(plain, place)]);

/** Opens a value that is sealed; one that is not comes back as it is. Throws `SealError`. */
export const openValue = (keyring: Keyring, value: Buffer, place: SealContext): Buffer =>
  value[0] === 0 ? keyring.openBytes(value.subarray(1), place) : value;

/** Reads a column as text; what is sealed stays so. */
export const valueText = (value: Buffer): string =>
  value[0] === 0 ? textMark + value.toString("base64", 1) : value.toString("utf8");

/** Writes text into a column; what is sealed stays so. */
export const textValue = (text: string): Buffer =>
  text.startsWith(textMark)
    ? Buffer.concat([mark, Buffer.from(text.slice(1), "base64")])
    : Buffer.from(text);

/** Seals a text on its way into a column. */
export const sealText = <Text extends string>(
  keyring: Keyring,
  plain: Text,
  place: SealContext,
): Text => (textMark + keyring.seal(plain, place).toString("base64")) as Text;

/** Opens a text that came out of a column sealed; any other comes back as it is. Throws `SealError`. */
export const openText = <Text extends string>(
  keyring: Keyring,
  text: Text,
  place: SealContext,
): Text =>
  text.startsWith(textMark)
    ? (keyring.open(Buffer.from(text.slice(1), "base64"), place) as Text)
    : text;
