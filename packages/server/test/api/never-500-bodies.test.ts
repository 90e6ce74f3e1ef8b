import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { openFactsApi } from "../support/facts.ts";
import { furnish, wholeBody } from "../support/furnish.ts";
import {
  anything,
  idsOf,
  instants,
  kinds,
  kindsOf,
  seed,
  valuesOf,
} from "../support/hostile-values.ts";
import { isId, judge, type Operation, readOperations, send } from "../support/requests.ts";

async function open() {
  const api = await openFactsApi();
  onTestFinished(() => api.close());
  const furnished = (secret: string) => furnish(api, { teamId: api.teamId, key: api.key, secret });
  return {
    api,
    withBody: (await readOperations(api)).filter(({ body }) => body !== undefined),
    names: await furnished("first"),
    furnished,
  };
}

test("each field of each body refuses each type that is not its own, and is named in the refusal", async () => {
  const { api, withBody, names } = await open();
  for (const operation of withBody) {
    for (const [field, schema] of Object.entries(operation.body?.properties ?? {})) {
      const wrong = kinds.filter((kind) => !kindsOf(schema).has(kind));
      if (wrong.length === 0) continue;
      const value = fc.constantFrom(...wrong).chain((kind) => valuesOf[kind]);
      await fc.assert(
        fc.asyncProperty(value, async (given) => {
          const body = { ...wholeBody(operation, names), [field]: given };
          const answer = await send(api, operation, names, { body });
          judge(operation, answer, body);
          expect(answer.status).toBe(422);
          const places = answer.body.errors.map(({ loc }: { loc: unknown[] }) => loc.slice(0, 2));
          expect(places).toContainEqual(["body", field]);
        }),
        { seed, numRuns: 3 * wrong.length },
      );
    }
  }
});

test("no value in any field of any body ends in a 5xx, and what succeeds is answered as described", async () => {
  const { api, withBody, names, furnished } = await open();
  const other = await furnished("second");
  for (const operation of withBody) {
    const fields = Object.keys(operation.body?.properties ?? {});
    const some = fc.dictionary(fc.constantFrom(...fields), anything(names, other), {
      minKeys: 1,
      maxKeys: 2,
    });
    await fc.assert(
      fc.asyncProperty(some, async (given) => {
        const body = { ...wholeBody(operation, names), ...given };
        judge(operation, await send(api, operation, names, { body }), body);
      }),
      { seed, numRuns: runsOf(operation) },
    );
  }
});

/** Facts are many at once, and whoever guesses at keys is slowed down. */
const runsOf = ({ path, scope }: Operation): number => {
  if (scope === "none") return 15;
  return path === "/v1/facts" ? 40 : 200;
};

test("an id of the caller's own that already names something is a conflict or a repeat, whatever it names", async () => {
  const { api, withBody, names, furnished } = await open();
  const other = await furnished("second");
  const version = await api.call(
    "POST",
    `/workflows/v1/workflows/${names.workflow_id?.[0]}/versions`,
  );
  const taken = [...idsOf(names), ...idsOf(other), version.body.version.id as string];
  for (const operation of withBody) {
    const { _id, id } = operation.body?.properties ?? {};
    const field = _id ? "_id" : id && isId(id) ? "id" : undefined;
    if (field === undefined) continue;
    for (const given of taken) {
      for (const place of [names, other]) {
        const body = { ...wholeBody(operation, place), [field]: given };
        judge(operation, await send(api, operation, place, { body }), body);
      }
    }
  }
});

test("the records of hostile reports are consistent: nothing ends before it begins", async () => {
  const { api, names } = await open();
  const at = fc.constantFrom(undefined, ...instants);
  await fc.assert(
    fc.asyncProperty(at, at, async (startedAt, endedAt) => {
      const start = {
        workflow_id: names.workflow_id?.[0],
        trigger: "manual",
        occurred_at: startedAt,
      };
      const started = await api.call("POST", "/workflows/v1/workflow-runs", { body: start });
      if (started.status !== 201) return;
      const end = { status: "completed", occurred_at: endedAt };
      const path = `/workflows/v1/workflow-runs/${started.body.run.id}`;
      const ended = await api.call("PATCH", path, { body: end });
      if (ended.status !== 200) return;
      const { started_at, completed_at, duration_ms } = ended.body.run;
      expect(Date.parse(completed_at) - Date.parse(started_at)).toBe(duration_ms);
      expect(duration_ms).toBeGreaterThanOrEqual(0);
      for (const text of [started_at, completed_at]) expect(text).toMatch(/^\d{4}-\d\d-\d\dT/);
    }),
    { seed, numRuns: 150 },
  );
  const impossible = await api.database.sql`
    select id from runs
    where completed_at < started_at or (completed_at is null) <> (status in ('started', 'running', 'paused'))`;
  expect(impossible).toEqual([]);
});
