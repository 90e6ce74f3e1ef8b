import { expect, test } from "vitest";
import { sealPayloads } from "../../src/actions/payload-vault.ts";
import {
  openCall,
  openMessage,
  openRun,
  openStep,
  sealCall,
  sealMessage,
  sealRun,
  sealStep,
} from "../../src/actions/sealed-state.ts";
import { payloadContext } from "../../src/db/events.ts";
import { sealedTables } from "../../src/db/sealed-columns.ts";
import {
  openText,
  openValue,
  sealText,
  sealValue,
  textValue,
  valueText,
} from "../../src/sealed-values.ts";
import { type Keyring, openKeyring, SealError } from "../../src/secrets.ts";

const key = Buffer.alloc(32, 1);
const keyring = openKeyring([key]);
const place = { table: "subscriptions", column: "sealed_credential", teamId: "t", rowId: "r" };

// What the first release made of "Grüße" under this key at this place. It stands in databases.
const record = Buffer.from("ARuKtNcrpHgGHOQA6KpRX1kQS7/DvsIG2//iOI7WAVvTG3lsEDArzg==", "base64");
const value = Buffer.from("AAEbirTXMs5sTAKctd/2w6T9fuOlYi43z3smBb/N5qmwLlyPkGQgeqM=", "base64");
const text = "\0ARuKtNc+M86qh/x5NSHh8GQil+Ku30khO8AGM7ZvrTrR8kA7wX34Rg==";
const tag = Buffer.from("94f7bb77bce14a29123f14351eb058cc", "hex");

test("a value that an earlier release sealed still opens, and its key has the same id", () => {
  expect(keyring.currentKeyId).toBe("1b8ab4d7");
  expect(keyring.open(record, place)).toBe("Grüße");
  expect(openValue(keyring, value, place).toString()).toBe("Grüße");
  expect(openText(keyring, text, place)).toBe("Grüße");
  expect(keyring.isTag(tag, "a text")).toBe(true);
  expect(keyring.tag("a text")).toEqual(tag);
});

test("a value that is sealed now can be opened by an earlier release", () => {
  for (const sealed of [keyring.seal("a", place), keyring.seal(Buffer.from("a"), place)]) {
    // Version, key id, nonce, tag and one byte.
    expect([sealed.length, sealed[0], sealed.toString("hex", 1, 5)]).toEqual([34, 1, "1b8ab4d7"]);
    expect(keyring.openBytes(sealed, place)).toEqual(Buffer.from("a"));
  }
});

test("bytes that are no text are sealed as they are", () => {
  const bytes = Buffer.from([0, 255, 128, 10]);
  expect(keyring.openBytes(keyring.seal(bytes, place), place)).toEqual(bytes);
  expect(openValue(keyring, sealValue(keyring, bytes, place), place)).toEqual(bytes);
});

test("a tag is of its text, its key and its length alone", () => {
  const other = Buffer.alloc(32, 2);
  expect(keyring.isTag(tag, "another text")).toBe(false);
  expect(openKeyring([other]).isTag(tag, "a text")).toBe(false);
  expect(openKeyring([other, key]).isTag(tag, "a text")).toBe(true);
  for (const wrong of [tag.subarray(1), Buffer.concat([tag, tag]), Buffer.alloc(0)]) {
    expect(keyring.isTag(wrong, "a text")).toBe(false);
  }
});

test("a keyring without a key is none", () => {
  expect(() => openKeyring([])).toThrow("a keyring needs a key");
});

test("an invalid record does not open, and the error names only the place", () => {
  const [head, rest] = [record.subarray(0, 33), record.subarray(33)];
  for (const wrong of [Buffer.alloc(0), head, Buffer.from([2, ...record.subarray(1)]), rest]) {
    expect(() => keyring.openBytes(wrong, place)).toThrow(SealError);
  }
  expect(() => keyring.openBytes(head, place)).toThrow(
    "subscriptions.sealed_credential of r was altered or moved",
  );
  for (const wrong of [head.subarray(0, 32), Buffer.from([2, ...record.subarray(1)])]) {
    expect(() => keyring.openBytes(wrong, place)).toThrow(
      "subscriptions.sealed_credential of r was sealed by a key this process does not have",
    );
  }
});

test.each(["", "{}", "a text", "Grüße", " \n", "[1]"])(
  "the plain value %j comes back as it is",
  (plain) => {
    expect(openText(keyring, plain, place)).toBe(plain);
    expect(openValue(keyring, Buffer.from(plain), place)).toEqual(Buffer.from(plain));
    expect(valueText(Buffer.from(plain))).toBe(plain);
    expect(textValue(plain)).toEqual(Buffer.from(plain));
  },
);

test("a sealed value stays sealed as it is read as text and written again", () => {
  expect(valueText(value)).toBe(`\0${value.subarray(1).toString("base64")}`);
  expect(textValue(valueText(value))).toEqual(value);
  expect(openText(keyring, valueText(value), place)).toBe("Grüße");
  const sealed = sealText(keyring, "Grüße", place);
  expect(sealed).toMatch(/^\0[\w+/]+=*$/);
  expect(openText(keyring, sealed, place)).toBe("Grüße");
  expect(openValue(keyring, textValue(sealed), place).toString()).toBe("Grüße");
  expect(sealValue(keyring, "Grüße", place)[0]).toBe(0);
});

type Row = Record<string, unknown>;
type Convert = (keyring: Keyring, row: never) => object;

const ids = { teamId: "team", id: "one", runId: "run", callId: "call", messageId: "message" };
const inCamelCase = (column: string) =>
  column.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());

test.each<[string, string, Convert, Convert]>([
  ["runs", "one", sealRun, openRun],
  ["steps", "run/one", sealStep, openStep],
  ["calls", "one", sealCall, openCall],
  ["call_messages", "call/message", sealMessage, openMessage],
])(
  "every document of %s is sealed at the place where a rotation looks for it",
  (table, rowId, seal, open) => {
    const columns = sealedTables.find(({ name }) => name === table)?.values ?? [];
    expect(columns.length).toBeGreaterThan(1);
    const documents = Object.fromEntries(columns.map((column) => [inCamelCase(column), column]));
    const plain = { ...ids, status: "running", ...documents };
    const sealed = seal(keyring, plain as never) as Row;
    expect(sealed).toMatchObject({ ...ids, status: "running" });
    for (const column of columns) {
      const at = { table, column, teamId: "team", rowId };
      const one = String(sealed[inCamelCase(column)]);
      expect([column, one.startsWith("\0"), openText(keyring, one, at)]).toEqual([
        column,
        true,
        column,
      ]);
    }
    expect(open(keyring, sealed as never)).toEqual(plain);
    // What was stored before the team had its documents sealed.
    expect(open(keyring, plain as never)).toEqual(plain);
    // A message always has its text; a document that is not there has nothing to hide.
    const empty = {
      ...plain,
      ...Object.fromEntries(Object.keys(documents).map((name) => [name, null])),
      text: "",
    };
    const { text: words, ...others } = seal(keyring, empty as never) as Row;
    const { text: _, ...nothing } = empty;
    expect(others).toEqual(nothing);
    expect(
      table === "call_messages"
        ? openText(keyring, String(words), { table, column: "text", teamId: "team", rowId })
        : words,
    ).toBe("");
  },
);

test("payloads are sealed for the teams that want it so, and for no other", () => {
  const event = (teamId: string) => ({ teamId, id: `of ${teamId}`, payload: Buffer.from("{}") });
  const events = [event("a"), event("b")] as unknown as Parameters<typeof sealPayloads>[1];
  const [first, second] = events;
  expect(sealPayloads({ keyring, teams: new Set() }, events)).toEqual(events);
  const [plain, sealed] = sealPayloads({ keyring, teams: new Set(["b"]) }, events);
  expect(plain).toEqual(first);
  expect(sealed).toMatchObject({ teamId: "b", id: "of b" });
  const payload = Buffer.from(sealed?.payload ?? "");
  expect(payload[0]).toBe(0);
  expect(openValue(keyring, payload, payloadContext("b", "of b"))).toEqual(second?.payload);
});
