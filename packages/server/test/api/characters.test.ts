import { expect, test } from "vitest";
import { allBut, breaksAndOverrides, controls, invisible } from "../../src/api/characters.ts";

/** Every character that one of them takes and the other does not. */
function differences(own: RegExp, meant: RegExp): string[] {
  const differing: string[] = [];
  for (let codePoint = 0; codePoint <= 0x10ffff; codePoint += 1) {
    const character = String.fromCodePoint(codePoint);
    if (own.test(character) !== meant.test(character)) differing.push(codePoint.toString(16));
  }
  return differing;
}

test("the classes of characters are those that Unicode's properties name", () => {
  const inLine = new RegExp(`^${allBut(controls, breaksAndOverrides)}$`, "u");
  expect(differences(inLine, /^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]$/u)).toEqual(
    [],
  );
  const visible = new RegExp(`^${allBut(invisible)}$`, "u");
  expect(
    differences(visible, /^[^\s\p{Cc}\p{Cs}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]$/u),
  ).toEqual([]);
  expect(differences(new RegExp(`^${allBut()}$`, "u"), /^[^\p{Cs}]$/u)).toEqual([]);
});
