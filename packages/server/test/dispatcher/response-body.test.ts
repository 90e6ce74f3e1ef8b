import { expect, test } from "vitest";
import { ResponseBody } from "../../src/dispatcher/response-body.ts";

const kept = 16_384;

/** What is kept of a body that comes in these pieces. */
function read(
  pieces: (string | Buffer)[],
  { complete = true, encoding = undefined as string | undefined } = {},
) {
  const body = new ResponseBody(encoding);
  for (const piece of pieces) body.add(Buffer.from(piece));
  return body.read(complete);
}

test("at most 64 KiB may come, in one piece or in many", () => {
  const once = new ResponseBody(undefined);
  expect(once.add(Buffer.alloc(65_536))).toBe(true);
  expect(once.add(Buffer.alloc(1))).toBe(false);
  expect(new ResponseBody(undefined).add(Buffer.alloc(65_537))).toBe(false);
  const often = new ResponseBody(undefined);
  for (let n = 0; n < 4; n += 1) expect(often.add(Buffer.alloc(16_384))).toBe(true);
  expect(often.add(Buffer.alloc(1))).toBe(false);
});

test("a body is kept in the order in which it came, and what it came in is let go", () => {
  expect(read([])).toEqual({ text: "", truncated: false });
  expect(read(["one ", "two ", "three"])).toEqual({ text: "one two three", truncated: false });
  const body = new ResponseBody(undefined);
  const pieces = ["first ", "second ", "third"].map((text) => Buffer.from(text));
  for (const piece of pieces) body.add(piece);
  for (const piece of pieces.slice(1)) piece.fill("x"); // The socket's buffer is used again.
  expect(body.read(true).text).toBe("first second third");
});

test.each([
  ["one piece", [kept]],
  ["two pieces", [kept - 1, 1]],
  ["many pieces", [1, 2, kept - 4, 1]],
])("16 KiB in %s are kept whole, and one byte more is left out", (_what, lengths) => {
  const pieces = lengths.map((length, index) => String.fromCharCode(97 + index).repeat(length));
  const text = pieces.join("");
  expect(read(pieces)).toEqual({ text, truncated: false });
  expect(read([...pieces, "z"])).toEqual({ text, truncated: true });
  expect(read([...pieces, "z", "z"])).toEqual({ text, truncated: true });
  const longer = pieces.with(-1, `${pieces.at(-1)}zz`);
  expect(read(longer)).toEqual({ text, truncated: true });
});

test("a body that did not end is cut, however short it is", () => {
  expect(read(["a"], { complete: false })).toEqual({ text: "a", truncated: true });
  expect(read([], { complete: false })).toEqual({ text: "", truncated: true });
});

test("of a cut text the halved character goes, and of a whole one the bad bytes are replaced", () => {
  const halved = Buffer.from("aé").subarray(0, 2);
  expect(read([halved], { complete: false }).text).toBe("a");
  expect(read([halved]).text).toBe("a\uFFFD");
  expect(read([Buffer.from([0x61, 0xff, 0x62])], { complete: false }).text).toBe("a\uFFFDb");
  expect(read(["a".repeat(kept - 1), "é"]).text).toBe("a".repeat(kept - 1));
  expect(read(["a\0b\0"]).text).toBe("a\uFFFDb\uFFFD");
});

test("a byte order mark is kept, cut or not", () => {
  for (const complete of [true, false])
    expect(read(["\uFEFFa"], { complete }).text).toBe("\uFEFFa");
});

test("the text has at most 16 KiB, though a replaced byte becomes three", () => {
  const third = Math.floor(kept / 3); // Three bytes each, and one left over.
  const bytes = (count: number) => Buffer.alloc(count, 0xff);
  expect(read([bytes(third)])).toEqual({ text: "\uFFFD".repeat(third), truncated: false });
  expect(read([bytes(third), "a"])).toEqual({
    text: `${"\uFFFD".repeat(third)}a`,
    truncated: false,
  });
  for (const count of [third + 1, 10_000, kept]) {
    expect(read([bytes(count)])).toEqual({ text: "\uFFFD".repeat(third), truncated: true });
  }
  // It is by their bytes, not by their letters, that texts are long.
  expect(read(["a".repeat(kept)])).toEqual({ text: "a".repeat(kept), truncated: false });
  expect(read(["é".repeat(kept / 2)])).toEqual({ text: "é".repeat(kept / 2), truncated: false });
});

test.each([
  ["gzip", "[gzip-encoded body not shown]"],
  ["x-a.b_1", "[x-a.b_1-encoded body not shown]"],
  ["gzip, br", "[encoded body not shown]"],
  ["a".repeat(21), "[encoded body not shown]"],
  ["<b>", "[encoded body not shown]"],
  ["identity", "shown"],
  ["IDENTITY", "shown"],
  ["", "shown"],
])("of a body whose encoding is %j is kept: %s", (encoding, text) => {
  expect(read(["shown"], { encoding })).toEqual({ text, truncated: false });
  expect(read(["shown"], { encoding, complete: false })).toEqual({ text, truncated: true });
  expect(read([], { encoding })).toEqual({ text: "", truncated: false });
});
