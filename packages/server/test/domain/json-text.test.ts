import fc from "fast-check";
import { expect, test } from "vitest";
import {
  extendObject,
  type JsonText,
  joinObject,
  jsonItems,
  jsonMembers,
  jsonText,
  scanJson,
} from "../../src/domain/json-text.ts";

const limits = { depthMax: 64 };
const unlimited = { depthMax: Number.POSITIVE_INFINITY };
const MEBIBYTE = 1_048_576;

function membersOf(text: string): Record<string, string> {
  const scan = scanJson(text, limits);
  if (!scan.ok) throw new Error(scan.reason);
  return Object.fromEntries(scan.members ?? []);
}

function reasonOf(text: string, depthMax = 64): string | undefined {
  const scan = scanJson(text, { depthMax });
  return scan.ok ? undefined : scan.reason;
}

/** Makes any JSON value with hostile keys and strings, and spreads white space through its text. */
const spacedJson = fc
  .tuple(
    fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        fc.constantFrom(null, true, false, 0, -1.5, 1e300, "", '"', "\\", '\\"', "{[,:]}", "é😀"),
        fc.string({ unit: "binary" }),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.array(tie("value"), { maxLength: 4 }),
        fc.dictionary(
          fc.oneof(
            fc.string({ unit: "binary" }),
            fc.constantFrom("__proto__", "constructor", "10", '"', "\\", ":", "a,b", "\n"),
          ),
          tie("value"),
          { maxKeys: 20 },
        ),
      ),
    })).value,
    fc.constantFrom(undefined, 1, "\t", "\r\n  "),
  )
  .map(([value, indent]) => JSON.stringify(value, undefined, indent));

test("numbers, key order and integer-like keys keep their exact source text", () => {
  const body =
    '{ "n" : 12345678901234567890 ,"f":1.0,\n"z":1e400\t,"o":{"b":1, "a":2,"10":3,"2":4} }';
  expect(membersOf(body)).toEqual({
    n: "12345678901234567890",
    f: "1.0",
    z: "1e400",
    o: '{"b":1, "a":2,"10":3,"2":4}',
  });
  expect([...(jsonMembers('{"10":1,"2":2,"b":3}' as JsonText)?.keys() ?? [])]).toEqual([
    "10",
    "2",
    "b",
  ]);
});

test("whatever JSON.stringify prints is accepted, and each member's text parses to its value", () => {
  fc.assert(
    fc.property(spacedJson, (text) => {
      const scan = scanJson(text, limits);
      if (!scan.ok) throw new Error(scan.reason);
      const value: unknown = JSON.parse(text);
      expect(scan.value).toEqual(value);
      if (typeof value !== "object" || value === null || Array.isArray(value)) {
        expect(scan.members).toBeUndefined();
        return;
      }
      const parsed = [...(scan.members ?? [])].map(([key, member]) => {
        expect(text).toContain(member);
        expect(member).toBe(member.trim());
        return [key, JSON.parse(member)] as const;
      });
      expect(new Map(parsed)).toEqual(new Map(Object.entries(value)));
    }),
    { numRuns: 1_000 },
  );
});

test("a changed text is accepted only when JSON.parse accepts it too", () => {
  const noise = fc.constantFrom(..."{}[],:\"\\ 01eE+-.tfn/'#\u0000\u0001\u00a0\ufeff\ud83d");
  fc.assert(
    fc.property(
      spacedJson,
      fc.nat(),
      fc.nat({ max: 3 }),
      noise,
      (text, position, removed, added) => {
        const at = position % (text.length + 1);
        const changed = text.slice(0, at) + added + text.slice(at + removed);
        let parses = true;
        try {
          JSON.parse(changed);
        } catch {
          parses = false;
        }
        const scan = scanJson(changed, unlimited);
        // The two things that this scan refuses and JSON.parse does not.
        const stricter = !scan.ok && /occurs twice|lone surrogate/.test(scan.reason);
        expect(scan.ok || stricter).toBe(parses);
      },
    ),
    { numRuns: 3_000 },
  );
});

test.each([
  ["nothing", ""],
  ["a byte order mark", "\ufeff{}"],
  ["trailing garbage", "{} {}"],
  ["a trailing comma", '{"a":1,}'],
  ["a comment", "// c\n{}"],
  ["NaN", '{"a":NaN}'],
  ["a leading zero", "01"],
  ["a raw control character", '"\u0001"'],
  ["white space that is not JSON's", "\u00a0{}"],
  ["an unfinished string", '{"a":"\\"}'],
])("%s is refused as not valid JSON", (_, text) => {
  expect(reasonOf(text)).toMatch(/^not valid JSON/);
});

test("a reason quotes nothing of a malformed text", () => {
  expect(reasonOf('{"token":"hunter2"')).not.toContain("hunter2");
  expect(reasonOf("hunter2")).toBe("not valid JSON");
  expect(reasonOf('{"a" 1}')).toMatch(/^not valid JSON at position 5( \(line 1 column 6\))?$/);
});

test("a key that occurs twice in one object is refused at any level and in any spelling", () => {
  expect(reasonOf('{"a":1,"b":2,"a":3}')).toBe('the key "a" occurs twice');
  expect(reasonOf('[[{"x":{"a":1,"\\u0061":2}}]]')).toBe('the key "a" occurs twice');
  expect(reasonOf('{"__proto__":1,"__proto__":2}')).toBe('the key "__proto__" occurs twice');
  expect(reasonOf('{"\\ud83d\\ude00":1,"😀":2}')).toBe('the key "😀" occurs twice');
  const many = Array.from({ length: 40 }, (_, index) => `"k${index}":0`).join();
  expect(reasonOf(`{${many}}`)).toBeUndefined();
  expect(reasonOf(`{${many},"k7":0}`)).toBe('the key "k7" occurs twice');
});

test("a reason quotes 64 characters of a key that occurs twice, and no more", () => {
  const key = "0123456789abcdef".repeat(5);
  const told = `the key "${key.slice(0, 64)}" occurs twice`;
  expect(reasonOf(`{"${key}":1,"${key}":2}`)).toBe(told);
});

test("a key that occurs twice is found among few keys and among many, wherever it stands", () => {
  for (const count of [1, 2, 15, 16, 17, 18, 40]) {
    const keys = Array.from({ length: count }, (_, index) => `"k${index}":0`);
    expect(reasonOf(`{${keys.join()}}`), String(count)).toBeUndefined();
    for (const again of [0, count - 1]) {
      const told = `the key "k${again}" occurs twice`;
      expect(reasonOf(`{${keys.join()},"k${again}":0}`), String(count)).toBe(told);
    }
  }
});

test("equal keys in different objects are no duplicates", () => {
  expect(reasonOf('{"a":{"a":[{"a":1},{"a":2}]},"b":{"a":3}}')).toBeUndefined();
  expect(reasonOf('{"x":{"a":1},"a":2,"y":{"x":1,"y":"a"}}')).toBeUndefined();
});

test("__proto__ is a member like any other and pollutes nothing", () => {
  expect(scanJson('{"__proto__":{"polluted":true}}', limits)).toMatchObject({
    ok: true,
    members: new Map([["__proto__", '{"polluted":true}']]),
  });
  expect(membersOf('{"constructor":{"prototype":{"polluted":true}}}')).toHaveProperty(
    "constructor",
    '{"prototype":{"polluted":true}}',
  );
  expect({}).not.toHaveProperty("polluted");
});

test("half an emoji is allowed when escaped and refused raw", () => {
  expect(membersOf('{"text":"\\ud83d"}')).toEqual({ text: '"\\ud83d"' });
  expect(reasonOf('{"text":"\ud83d"}')).toMatch(/lone surrogate/);
});

test("a text at the depth limit is accepted and one level more refused", () => {
  expect(reasonOf("[]", 1)).toBeUndefined();
  expect(reasonOf("1", 0)).toBeUndefined();
  expect(reasonOf('{"a":[{"b":"[[[["}]}', 3)).toBeUndefined();
  expect(reasonOf('{"a":[{"b":"[[[["}]}', 2)).toBe("nested deeper than 2 levels");
  expect(reasonOf("[[],[],[[]]]", 2)).toBe("nested deeper than 2 levels");
});

test("a nesting of 100,000 levels overflows nothing, whatever the limit", () => {
  const arrays = "[".repeat(100_000) + "]".repeat(100_000);
  const objects = `${'{"a":'.repeat(100_000)}0${"}".repeat(100_000)}`;
  expect(reasonOf(arrays)).toMatch(/deeper/);
  expect(reasonOf(objects)).toMatch(/deeper/);
  expect(scanJson(arrays, unlimited).ok).toBe(true);
  expect(scanJson(objects, unlimited).ok).toBe(true);
});

test.each([
  ["brackets", "[".repeat(MEBIBYTE)],
  ["quotes", '"'.repeat(MEBIBYTE)],
  ["backslashes", "\\".repeat(MEBIBYTE)],
  ["an unfinished string of backslashes", `"${"\\".repeat(MEBIBYTE)}`],
  ["a string of escaped quotes", `{"a":"${'\\"'.repeat(MEBIBYTE / 2)}"}`],
  ["a string of escaped backslashes", `{"a":"${"\\\\".repeat(MEBIBYTE / 2)}"}`],
  ["strings that end in a backslash", `[${'"\\\\",'.repeat(MEBIBYTE / 5)}0]`],
  ["many keys", `{${Array.from({ length: 90_000 }, (_, i) => `"k${i}":0`).join()}}`],
  ["many integer-like keys", `{${Array.from({ length: 90_000 }, (_, i) => `"${i}":0`).join()}}`],
  ["blanks", `{${" ".repeat(MEBIBYTE)}}`],
])("a mebibyte of %s takes linear time", (_, text) => {
  const startedAt = performance.now();
  scanJson(text, unlimited);
  // Linear work takes some 10 ms here; quadratic work on a million characters takes minutes.
  expect(performance.now() - startedAt).toBeLessThan(2_000);
});

test("an object joined from members is the object, whatever their names and texts", () => {
  fc.assert(
    fc.property(spacedJson, (text) => {
      const members = jsonMembers(text as JsonText);
      const joined = joinObject(members);
      expect(scanJson(joined, limits).ok).toBe(true);
      expect([...jsonMembers(joined)]).toEqual([...members]);
    }),
  );
});

test("joining leaves out undefined members and lets the last of two equal names win in place", () => {
  expect(joinObject([])).toBe("{}");
  expect(
    joinObject([
      ["a", jsonText(1)],
      ["gone", undefined],
      ['b"', jsonText("x")],
      ["a", "1.0" as JsonText],
    ]),
  ).toBe('{"a":1.0,"b\\"":"x"}');
});

test("members of anything but an object are none", () => {
  for (const text of ["[]", '[{"a":1}]', "1", '"{}"', "null", "{}"]) {
    expect(jsonMembers(text as JsonText)).toEqual(new Map());
  }
});

test("a text that was wrongly called JSON ends in an error, not in an endless loop", () => {
  for (const text of ['"', '{"a', '"a\\"', '["']) {
    expect(() => jsonMembers(text as JsonText)).toThrow("does not end");
  }
});

test("a value that JSON cannot say is never printed", () => {
  expect(jsonText({ a: [1, null] })).toBe('{"a":[1,null]}');
  expect(() => jsonText(undefined)).toThrow(TypeError);
  expect(() => jsonText(() => 1)).toThrow(TypeError);
  expect(() => jsonText(1n)).toThrow(TypeError);
});

test("the items of a list are its items, each as it was written; of anything else there are none", () => {
  const text = ' [ 1.0 ,{"a":[1,2],"b":",]"}, [ [ ] , {} ],"x,\\"]" , null ] ' as JsonText;
  expect(jsonItems(text)).toEqual([
    "1.0",
    '{"a":[1,2],"b":",]"}',
    "[ [ ] , {} ]",
    '"x,\\"]"',
    "null",
  ]);
  for (const none of ["[]", "[ ]", "{}", '{"a":[1,2]}', '"[1,2]"', "1", "null"]) {
    expect(jsonItems(none as JsonText), none).toEqual([]);
  }
});

test("an object of plain members reads as JSON.stringify would print it, whatever they hold", () => {
  const plain = fc.oneof(
    fc.string({ unit: "binary" }),
    // Lone surrogates too, which JSON.stringify escapes.
    fc.array(fc.integer({ min: 0, max: 0xffff })).map((codes) => String.fromCharCode(...codes)),
    fc.double(),
    fc.boolean(),
    fc.date({ noInvalidDate: true }),
    fc.constantFrom(null, undefined),
    fc.array(fc.integer()),
  );
  fc.assert(
    fc.property(fc.record({ a: plain, b: plain, c: plain, d: plain }), (members) => {
      expect(extendObject(members, [])).toBe(JSON.stringify(members));
    }),
  );
  const at = new Date(0);
  expect(extendObject({ at, again: at }, [["exact", "1.0" as JsonText]])).toBe(
    '{"at":"1970-01-01T00:00:00.000Z","again":"1970-01-01T00:00:00.000Z","exact":1.0}',
  );
  expect(extendObject({}, [["only", "1e400" as JsonText]])).toBe('{"only":1e400}');
});
