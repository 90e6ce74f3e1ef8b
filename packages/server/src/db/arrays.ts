/**
 * PostgreSQL arrays in the binary wire format, for the `unnest` of the hot statements.
 *
 * The driver would convert a JavaScript array to escaped text, and the server would parse it: twice the CPU.
 * Layout (src/backend/utils/adt/arrayfuncs.c, array_recv): dimensions, has-null flag, element type's oid, length,
 * lower bound, then each element as length and bytes; length −1 is null.
 *
 * `unnest` of several arrays fills shorter ones with nulls. So an array with only nulls, as for rarely used columns, is
 * written as an empty array.
 */

const oids = { bool: 16, bytea: 17, int4: 23, text: 25, timestamptz: 1184, uuid: 2950 };
const headerBytes = 20;
const nullLength = -1;
/** The longest text that JavaScript copies faster than a native call. */
const shortTextMax = 64;
/** Microseconds between the Unix epoch and PostgreSQL's (2000-01-01). */
const epochMicroseconds = 946_684_800_000_000n;

const isEmpty = (values: readonly unknown[]): boolean => values.every((value) => value === null);

/** An array without dimensions. */
const emptyArray = (oid: number): Buffer => {
  const array = Buffer.alloc(12);
  array.writeInt32BE(oid, 8);
  return array;
};

/** Starts an array that has room for `bytes` of elements, their lengths included. */
function startArray(oid: number, elements: readonly unknown[], bytes: number): Buffer {
  const array = Buffer.allocUnsafe(headerBytes + bytes);
  array.writeInt32BE(1, 0);
  array.writeInt32BE(elements.includes(null) ? 1 : 0, 4);
  array.writeInt32BE(oid, 8);
  array.writeInt32BE(elements.length, 12);
  array.writeInt32BE(1, 16);
  return array;
}

/** Builds an array whose elements have all the same size; `write` writes one at an offset. */
function fixedArray<T>(
  oid: number,
  values: readonly (T | null)[],
  elementBytes: number,
  write: (array: Buffer, value: T, offset: number) => void,
): Buffer {
  if (isEmpty(values)) return emptyArray(oid);
  const array = startArray(oid, values, values.length * (4 + elementBytes));
  let offset = headerBytes;
  for (const value of values) {
    if (value === null) {
      offset = array.writeInt32BE(nullLength, offset);
    } else {
      offset = array.writeInt32BE(elementBytes, offset);
      write(array, value, offset);
      offset += elementBytes;
    }
  }
  return array.subarray(0, offset);
}

/** A `text[]`. */
export function textArray(values: readonly (string | null)[]): Buffer {
  if (isEmpty(values)) return emptyArray(oids.text);
  let bytes = 0;
  for (const value of values) bytes += 4 + (value === null ? 0 : value.length);
  const array = startArray(oids.text, values, bytes);
  let offset = headerBytes;
  for (const value of values) {
    if (value === null) {
      offset = array.writeInt32BE(nullLength, offset);
    } else {
      // Most are ids: short ASCII texts. If one is not ASCII, all are encoded first.
      if (!writeAscii(array, value, offset + 4)) return encodedTextArray(values);
      array.writeInt32BE(value.length, offset);
      offset += 4 + value.length;
    }
  }
  return array;
}

/** Writes a text that is ASCII; false when it is not. */
function writeAscii(array: Buffer, text: string, offset: number): boolean {
  const { length } = text;
  if (length > shortTextMax) {
    return Buffer.byteLength(text) === length && array.write(text, offset, "latin1") === length;
  }
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index);
    if (code > 0x7f) return false;
    array[offset + index] = code;
  }
  return true;
}

const encodedTextArray = (values: readonly (string | null)[]): Buffer =>
  bytesArray(
    oids.text,
    values.map((value) => (value === null ? null : Buffer.from(value))),
  );

/** A `bytea[]`. */
export const byteaArray = (values: readonly (Buffer | null)[]): Buffer =>
  isEmpty(values) ? emptyArray(oids.bytea) : bytesArray(oids.bytea, values);

function bytesArray(oid: number, values: readonly (Buffer | null)[]): Buffer {
  let bytes = 0;
  for (const value of values) bytes += 4 + (value === null ? 0 : value.length);
  const array = startArray(oid, values, bytes);
  let offset = headerBytes;
  for (const value of values) {
    offset = array.writeInt32BE(value === null ? nullLength : value.length, offset);
    if (value !== null) {
      array.set(value, offset);
      offset += value.length;
    }
  }
  return array;
}

/** An `int4[]` (int2 columns take it through a cast). */
export const int4Array = (values: readonly (number | null)[]): Buffer =>
  fixedArray(oids.int4, values, 4, (array, value, offset) => array.writeInt32BE(value, offset));

/** A `bool[]`. */
export const boolArray = (values: readonly boolean[]): Buffer =>
  fixedArray(oids.bool, values, 1, (array, value, offset) => {
    array[offset] = value ? 1 : 0;
  });

/** A `uuid[]`. */
export const uuidArray = (values: readonly (string | null)[]): Buffer =>
  fixedArray(oids.uuid, values, 16, (array, value, offset) => {
    let byte = offset;
    // Two digits a byte; the hyphens are at fixed places.
    for (let index = 0; index < 36; index += 2) {
      if (value.charCodeAt(index) === hyphen) index++;
      array[byte++] =
        (hexDigit(value.charCodeAt(index)) << 4) | hexDigit(value.charCodeAt(index + 1));
    }
  });

const hyphen = 0x2d;

/** 0 to 9, a to f, A to F. */
const hexDigit = (code: number): number => (code <= 0x39 ? code - 0x30 : (code & 0x5f) - 0x37);

/** A `timestamptz[]`, from milliseconds. */
export const timestampArray = (values: readonly (Date | null)[]): Buffer =>
  fixedArray(oids.timestamptz, values, 8, (array, value, offset) =>
    array.writeBigInt64BE(BigInt(value.getTime()) * 1000n - epochMicroseconds, offset),
  );
