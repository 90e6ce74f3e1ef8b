/**
 * PostgreSQL arrays in the binary wire format, for the `unnest` of the hot statements.
 *
 * The driver would turn a JavaScript array into text, escape it, and the server would parse it again: twice the CPU.
 * Layout (src/backend/utils/adt/arrayfuncs.c, array_recv): dimensions, has-null flag, element type's oid, length,
 * lower bound, then each element as length and bytes; length −1 is null.
 */

const oids = { bool: 16, bytea: 17, int4: 23, text: 25, timestamptz: 1184, uuid: 2950 };
const headerBytes = 20;
/** Microseconds between the Unix epoch and PostgreSQL's (2000-01-01). */
const epochMicroseconds = 946_684_800_000_000n;

type Element = Buffer | null;

function binaryArray(oid: number, elements: readonly Element[]): Buffer {
  let size = headerBytes;
  let hasNull = 0;
  for (const element of elements) {
    if (element === null) hasNull = 1;
    size += 4 + (element?.length ?? 0);
  }
  const array = Buffer.allocUnsafe(size);
  array.writeInt32BE(1, 0);
  array.writeInt32BE(hasNull, 4);
  array.writeInt32BE(oid, 8);
  array.writeInt32BE(elements.length, 12);
  array.writeInt32BE(1, 16);
  let offset = headerBytes;
  for (const element of elements) {
    offset = array.writeInt32BE(element?.length ?? -1, offset);
    if (element !== null) offset += element.copy(array, offset);
  }
  return array;
}

/** A `text[]`. */
export function textArray(values: readonly (string | null)[]): Buffer {
  let size = headerBytes;
  let hasNull = 0;
  for (const value of values) {
    if (value === null) hasNull = 1;
    // Three bytes are the most that one UTF-16 unit becomes in UTF-8.
    size += 4 + (value === null ? 0 : value.length * 3);
  }
  const array = Buffer.allocUnsafe(size);
  array.writeInt32BE(1, 0);
  array.writeInt32BE(hasNull, 4);
  array.writeInt32BE(oids.text, 8);
  array.writeInt32BE(values.length, 12);
  array.writeInt32BE(1, 16);
  let offset = headerBytes;
  for (const value of values) {
    if (value === null) {
      offset = array.writeInt32BE(-1, offset);
    } else {
      const written = array.write(value, offset + 4, "utf8");
      array.writeInt32BE(written, offset);
      offset += 4 + written;
    }
  }
  return array.subarray(0, offset);
}

/** A `bytea[]`. */
export const byteaArray = (values: readonly (Buffer | null)[]): Buffer =>
  binaryArray(oids.bytea, values);

/** An `int4[]` (int2 columns take it through a cast). */
export function int4Array(values: readonly (number | null)[]): Buffer {
  return binaryArray(
    oids.int4,
    values.map((value) => {
      if (value === null) return null;
      const element = Buffer.allocUnsafe(4);
      element.writeInt32BE(value, 0);
      return element;
    }),
  );
}

const booleanBytes = [Buffer.from([0]), Buffer.from([1])] as const;

/** A `bool[]`. */
export const boolArray = (values: readonly boolean[]): Buffer =>
  binaryArray(
    oids.bool,
    values.map((value) => booleanBytes[value ? 1 : 0]),
  );

/** A `uuid[]`. */
export const uuidArray = (values: readonly string[]): Buffer =>
  binaryArray(
    oids.uuid,
    values.map((value) => Buffer.from(value.replaceAll("-", ""), "hex")),
  );

/** A `timestamptz[]`, from milliseconds. */
export const timestampArray = (values: readonly (Date | null)[]): Buffer =>
  binaryArray(
    oids.timestamptz,
    values.map((value) => {
      if (value === null) return null;
      const element = Buffer.allocUnsafe(8);
      element.writeBigInt64BE(BigInt(value.getTime()) * 1000n - epochMicroseconds, 0);
      return element;
    }),
  );
