// biome-ignore-all lint/suspicious/noTemplateCurlyInString: sources stand here as texts
import { expect, test } from "vitest";
import { type Equivalent, withoutEquivalents } from "../equivalents.ts";
import { applied, describe, type Mutant, sample } from "../mutant.ts";
import { functionAround, probed } from "../probes.ts";
import { figuresOf } from "../report.ts";
import { sqlMutants } from "../sql-mutants.ts";
import { parse } from "../syntax.ts";
import { typescriptMutants } from "../typescript-mutants.ts";

const file = "packages/server/src/example.ts";

/** What a file becomes with each fault, and the line that shows it. */
const changes = (mutants: readonly Mutant[], source: string): string[] =>
  mutants.map((mutant) => {
    const { was, becomes } = describe(source, mutant);
    // Whatever is made has to be TypeScript still.
    parse(applied(source, mutant));
    return `${mutant.kind}: ${was} → ${becomes}`;
  });

const ofTypescript = (source: string) => changes(typescriptMutants(file, source), source);
const ofSql = (statement: string) => {
  const source = `export const f = (sql, a, b) => sql\`${statement}\`;`;
  return changes(sqlMutants(file, source), source);
};

test.each([
  ["export const f = (a, b) => a < b;", ["boundary moved: < → <="]],
  ["export const f = (a, b) => a === b;", ["comparison negated: === → !=="]],
  ["export const f = (a, b) => a && !b;", ["and ↔ or: && → ||", "condition negated: !b → (b)"]],
  ["export const f = (a) => `${a}` + a;", []],
  ["export const f = (a) => a - 1;", ["arithmetic: - → +", "constant moved: 1 → (1 + 1)"]],
  ["const bytesMax = 16 * 1024;", ["bound moved far: 16 * 1024 → 10 * (16 * 1024)"]],
  ["let count = 0;", ["constant moved: 0 → (0 + 1)"]],
  ["const kind = { kind: 'retry' };", ["word changed: 'retry' → \"mutant\""]],
  ["throw new Error('a sentence for people');", []],
  [
    "export function f(a) { if (a) return; g(a); }",
    ["guard removed: if (a) return; → ;", "statement removed: g(a); → ;"],
  ],
  ["export const f = (a) => (a ? g(a) : undefined);", ["condition negated: a → !(a)"]],
  ["export const f = Math.max(a, b);", ["min ↔ max: Math.max → Math.min"]],
  ["import type { A } from './a.ts'; type B = 'word' | 1; let c = a as B;", []],
])("of %s these faults are made", (source, expected) => {
  expect(ofTypescript(source)).toEqual(expected);
});

test.each([
  [
    "select from runs where team_id = ${a} and id = ${b}",
    ["team predicate removed: team_id = ${a} → true", "predicate removed: id = ${b} → true"],
  ],
  [
    "select from runs r join k on r.team_id = k.team_id",
    ["team predicate removed: r.team_id = k.team_id → true"],
  ],
  [
    "select from calls where team_id = any(${a}::text[]) for no key update of c",
    [
      "team predicate removed: team_id = any(${a}::text[]) → true",
      "lock removed: for no key update of c → ",
    ],
  ],
  [
    "update d set lease_token = null where d.lease_token = ${a} and finished_at is null",
    [
      "lease predicate removed: d.lease_token = ${a} → true",
      "state predicate removed: finished_at is null → true",
    ],
  ],
  [
    "select from d limit 1 for update skip locked",
    [
      "bound moved: limit 1 → limit 2",
      "lock removed: for update skip locked → ",
      "skip locked removed: skip locked → ",
    ],
  ],
  ["select from d limit ${a}", ["bound removed: limit ${a} → limit all"]],
  [
    "select a.x, c.y from a where x <= c.y + interval '5 minutes'",
    ["cut-off moved: <= → <", "interval moved: interval '5 minutes' → interval '6 minutes'"],
  ],
  // Neither a comment nor what is given, nor the moment itself.
  ["select 1 -- where team_id = ${a}\n", []],
  ["select ${a ? 1 : x < 2} from d where ${b} = 1", []],
  ["insert into d (team_id) values (${a}) on conflict (team_id) do nothing", []],
])("of %s these faults are made", (statement, expected) => {
  expect(ofSql(statement)).toEqual(expected);
});

test("a cut-off against now() is taken out, and not moved by an instant that never comes", () => {
  expect(ofSql("select from d where due_at <= now()")).toEqual([
    "state predicate removed: due_at <= now() → true",
  ]);
});

test("probes say which function ran, an arrow's too, and that the file was loaded", () => {
  const source = "export const f = (a) => ({ a });\nfunction g() { return f(1); }\ng();\n";
  const reached = new Set<string>();
  const run = new Function("globalThis", probed(file, source).replaceAll("export ", ""));
  run({ __reached: reached });
  const names = ["=> ({", "return f", "g();"].map((place) =>
    functionAround(file, source, source.indexOf(place) + (place === "=> ({" ? 4 : 0)),
  );
  expect([...reached].sort()).toEqual([...new Set(names)].sort());
  expect(new Set(names).size).toBe(3);
});

test("the same seed draws the same faults, in their order", () => {
  const all = Array.from({ length: 100 }, (_, n) => n);
  const drawn = sample(all, 10, 7);
  expect(drawn).toEqual(sample(all, 10, 7));
  expect(drawn).toEqual([...drawn].sort((a, b) => a - b));
  expect(drawn).not.toEqual(sample(all, 10, 8));
});

test("a listed fault is left out wherever its line stands, and one that no longer exists is told", () => {
  const source = "const x = 1;\nexport const f = (a, b) => a < b;\n";
  const mutants = typescriptMutants(file, source);
  const [, second] = mutants;
  if (!second) throw new Error("there are no two faults");
  const listed: Equivalent = { ...describe(source, second), because: "nobody can tell" };
  const gone: Equivalent = { ...listed, was: "<=" };
  const found = withoutEquivalents(mutants, () => source, [listed, gone]);
  expect(found.equivalent).toEqual([second]);
  expect(found.left).toEqual(mutants.filter((one) => one !== second));
  expect(found.stale).toEqual([gone]);
});

test("of an area's faults that change something the noticed and the timed-out ones are counted as noticed", () => {
  const mutant: Mutant = { file, start: 0, end: 0, replacement: "", kind: "" };
  const judged = [
    { kind: "noticed", by: "a test" } as const,
    { kind: "timed out", by: "a test" } as const,
    { kind: "survived", tests: 3 } as const,
    { kind: "equivalent" } as const,
  ].map((verdict) => ({ area: "sql", mutant, verdict }));
  expect(figuresOf(judged)).toMatchObject([
    { mutants: 4, noticed: 1, timedOut: 1, survived: 1, equivalent: 1, percent: 66.6 },
  ]);
});
