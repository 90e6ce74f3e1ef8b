import type { Mutant } from "./mutant.ts";
import { type Node, parse, walk } from "./syntax.ts";

/** Tags under which SQL stands: `sql`, `tx` and `part`, with a statement's name or without. */
const sqlTag = /^(?:sql|tx|part|run|\w+\.sql)\b/;

/** Stands for what is given to a statement, so that no pattern finds anything in it. */
const given = "\u0000";

type Found = { start: number; end: number; replacement: string; kind: string };

/** A column, one of another table's, what is given, a value: what a predicate compares. */
const operand = String.raw`(?:${given}+(?:::\w+(?:\[\])?)?|any\(${given}+(?:::\w+\[\])?\)|any\(array\([^()]*\)\)|\w+(?:\.\w+)?(?:\(\))?|'[^']*')`;
const predicate = new RegExp(
  String.raw`(?<=\b(?:where|and|or|on|when)\s+\(?|\bnot\s+)((?:\w+\.)?\w+)\s*(?:(?:=|<>|<=|>=|<|>)\s*${operand}|is (?:not )?null)(?![\w.(]|\s*(?:[-+*/]|\|\|))`,
  "g",
);

/** What a predicate is about, by its column. */
function aboutOf(column: string): string {
  const name = column.replace(/^\w+\./, "");
  if (name === "team_id" || name === "teamId") return "team predicate";
  if (name === "lease_token" || name === "given_token") return "lease predicate";
  if (/^(?:status|finished_at|due_at|deleted_at|revoked_at)$/.test(name)) return "state predicate";
  return "predicate";
}

type Rule = (text: string) => Found[];

const all = (
  text: string,
  pattern: RegExp,
  change: (match: RegExpExecArray) => Omit<Found, "start" | "end">,
): Found[] =>
  [...text.matchAll(pattern)].map((match) => ({
    start: match.index,
    end: match.index + match[0].length,
    ...change(match as RegExpExecArray),
  }));

const removePredicates: Rule = (text) =>
  all(text, predicate, ([, column = ""]) => ({
    replacement: "true",
    kind: `${aboutOf(column)} removed`,
  }));

/** Pairs: the team stands beside another column, and the pair is looked up among others. */
const removePairs: Rule = (text) =>
  all(
    text,
    /\(((?:\w+\.)?team_id), ((?:\w+\.)?\w+)\) in \(select team_id, (\w+)/g,
    ([, , column, other]) => ({
      replacement: `(${column}) in (select ${other}`,
      kind: "team predicate removed",
    }),
  );

const lock = /\bfor (?:no key update|update|key share|share)(?: of \w+)?(?: skip locked| nowait)?/g;

const removeLocks: Rule = (text) => [
  ...all(text, lock, () => ({ replacement: "", kind: "lock removed" })),
  ...all(text, / skip locked/g, () => ({ replacement: "", kind: "skip locked removed" })),
  ...all(text, /\bpg_try_advisory\w+\([^()]*(?:\([^()]*\))?[^()]*\)/g, () => ({
    replacement: "true",
    kind: "lock removed",
  })),
  ...all(text, /\bpg_advisory\w+\([^()]*(?:\([^()]*\))?[^()]*\)/g, () => ({
    replacement: "null",
    kind: "lock removed",
  })),
];

const moveBounds: Rule = (text) => [
  // The very instant of now() never comes.
  ...all(text, /(?<![<>|&@?#!=-])(?:<=|>=|<|>)(?![<>|&@=]|\s*now\(\))/g, ([operator]) => ({
    replacement: operator.length === 2 ? operator.slice(0, 1) : `${operator}=`,
    kind: "cut-off moved",
  })),
  ...all(text, /\blimit (\d+)/g, ([, n]) => ({
    replacement: `limit ${Number(n) + 1}`,
    kind: "bound moved",
  })),
  ...all(text, new RegExp(String.raw`\blimit (?:${given}+|\w+\.\w+)`, "g"), () => ({
    replacement: "limit all",
    kind: "bound removed",
  })),
  ...all(text, /\binterval '(\d+) (\w+)'/g, ([, n, unit]) => ({
    replacement: `interval '${Number(n) + 1} ${unit}'`,
    kind: "interval moved",
  })),
];

const rules: readonly Rule[] = [removePredicates, removePairs, removeLocks, moveBounds];

/** Hides what is given to a statement behind a stretch of the same length, and SQL's comments as well. */
function statementOf(source: string, quasi: Node): string {
  const text = source.slice(quasi.start, quasi.end).split("");
  for (const { start, end } of quasi.expressions as Node[]) {
    const from = source.lastIndexOf("${", start);
    const to = source.indexOf("}", end) + 1;
    text.fill(given, from - quasi.start, to - quasi.start);
  }
  return text.join("").replace(/--.*$/gm, (comment) => " ".repeat(comment.length));
}

/** Makes every fault that the rules know in the SQL of a file. */
export function sqlMutants(file: string, source: string): Mutant[] {
  const mutants: Mutant[] = [];
  walk(parse(source), (node) => {
    if (node.type !== "TaggedTemplateExpression") return true;
    const [tag, quasi] = [node.tag as Node, node.quasi as Node];
    if (!sqlTag.test(source.slice(tag.start, tag.end))) return true;
    const text = statementOf(source, quasi);
    for (const { start, end, ...rest } of rules.flatMap((rule) => rule(text))) {
      mutants.push({ file, start: quasi.start + start, end: quasi.start + end, ...rest });
    }
    return true;
  });
  return mutants.sort((a, b) => a.start - b.start);
}
