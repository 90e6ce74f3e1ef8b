import { expect, test } from "vitest";
import { describeThrown, logFields, openLog } from "../../src/log.ts";
import { readSources } from "../house/sources.ts";

/** A log that keeps its lines, at the loudest level. */
function openKept() {
  const lines: string[] = [];
  const log = openLog({ level: "trace", destination: { write: (line) => lines.push(line) } });
  return { log, lines };
}

const secret = "s3cret-v4lue";

test("a line keeps the fields of the list and nothing else, however they are handed in", () => {
  const { log, lines } = openKept();
  const request = { headers: { authorization: secret }, body: { text: secret } };
  log.info({ status: 200, route: "/a", ...request, payload: secret, token: secret }, "request");
  log.info({ team_id: { nested: secret }, url: [secret], err: undefined }, "nested");
  log.child({ authorization: secret }).warn({ body: secret, request_id: "req_1" }, "a child");
  log.child({}, { msgPrefix: secret }).debug("a message with %s", secret);
  log.error({ status: 500 }, "a message with %s", secret);
  log.error(new Error(secret));
  log.error({ err: new Error(secret) });
  log.error({ err: secret }, "no error at all");
  expect(lines).toHaveLength(8);
  expect(lines.join("")).not.toContain(secret);
  const names = new Set(lines.flatMap((line) => Object.keys(JSON.parse(line))));
  const allowed = [...logFields, "level", "time", "msg"];
  expect([...names].filter((name) => !allowed.includes(name as "err"))).toEqual([]);
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({ status: 200, route: "/a", msg: "request" });
  expect(JSON.parse(lines[2] ?? "")).toMatchObject({ request_id: "req_1", msg: "a child" });
});

/** Errors as they come from all around, each with the secret wherever that kind may carry it. */
const errors: Record<string, () => unknown> = {
  "a constraint of PostgreSQL": () =>
    Object.assign(new Error(`null value in column "name" violates ${secret}`), {
      name: "error",
      code: "23502",
      detail: `Failing row contains (${secret}).`,
      where: `COPY a, line 1: "${secret}"`,
      hint: secret,
      internalQuery: secret,
      parameters: [secret],
      table: "teams",
      column: "name",
    }),
  "a value PostgreSQL cannot read": () =>
    Object.assign(new Error(`invalid input syntax for type uuid: "${secret}"`), { code: "22P02" }),
  "a parser": () => {
    try {
      return JSON.parse(secret);
    } catch (error) {
      return error;
    }
  },
  "a URL": () => {
    try {
      return new URL(`//${secret}`);
    } catch (error) {
      return error;
    }
  },
  "a name that is none": () => Object.assign(new Error("a"), { name: `${secret} a`, code: secret }),
  "a message that looks like a stack": () => new Error(`a\n    at ${secret}:1:1`),
  "a message that was changed afterwards": () =>
    Object.assign(new Error(`${secret}\n    at (${secret})`), { message: "a" }),
  "a cause": () => new Error("a", { cause: new Error(secret, { cause: secret }) }),
  several: () => new AggregateError([new Error(secret)], secret),
  "no error": () => secret,
};

test.each(Object.keys(errors))("what is told of an error holds none of its values: %s", (kind) => {
  const thrown = errors[kind]?.();
  const { log, lines } = openKept();
  log.error({ err: thrown }, "failed");
  expect(JSON.stringify(describeThrown(thrown)) + lines.join("")).not.toContain(secret);
});

test("what an operator needs is told: the kind, the code, our own names and the place in the code", () => {
  const told = describeThrown(errors["a constraint of PostgreSQL"]?.());
  expect(told).toMatchObject({ type: "error", code: "23502", table: "teams", column: "name" });
  expect(told.stack).toContain("log.test.ts:");
  const refused = new Error("connect ECONNREFUSED 10.0.0.1:5432");
  Object.assign(refused, { code: "ECONNREFUSED", syscall: "connect" });
  expect(describeThrown(refused)).toMatchObject({ code: "ECONNREFUSED", syscall: "connect" });
  const lost = new Error("Connection terminated unexpectedly");
  expect(describeThrown(lost)).toMatchObject({ message: "Connection terminated unexpectedly" });
});

test("every field that the sources log is in the list, and every message is written out in the sources", () => {
  const calls = readSources("src").flatMap(({ file, text }) =>
    [...text.matchAll(/\blog(?:\.\w+|\[\w+\])\(\s*([^;]*?)\s*\)(?:;|,\n|\)|$)/gm)].map(
      ([, given = ""]) => ({ file, given }),
    ),
  );
  expect(calls.length).toBeGreaterThan(8);
  for (const { file, given } of calls.filter(({ file }) => !file.endsWith("/framework-log.ts"))) {
    const [, fields] = /^\{([\s\S]*?)\}\s*,/.exec(given) ?? [];
    const named = [...(fields ?? "").matchAll(/(?:^|[{,\n])\s*(\w+)\s*(?=[:,}]|$)/g)];
    for (const [, name] of named) expect(logFields, `${file}: ${given}`).toContain(name);
  }
});
