import { expect, onTestFinished, test, vi } from "vitest";
import type { AttemptRecord } from "../../src/db/attempts.ts";
import type { Unsent } from "../../src/db/deliveries.ts";
import type { Database } from "../../src/db/pool.ts";
import { openRecorder } from "../../src/dispatcher/recorder.ts";
import { armFaultPoints } from "../../src/fault-points.ts";

type Table = {
  record: (records: readonly AttemptRecord[]) => Promise<Set<string>>;
  recordLate: (records: readonly AttemptRecord[]) => Promise<void>;
  release: (unsent: readonly Unsent[]) => Promise<void>;
};

// What the statements do, the table says that stands for the database.
vi.mock("../../src/db/attempts.ts", () => ({
  recordAttempts: (table: Table, records: AttemptRecord[]) => table.record(records),
  recordLateAttempts: (table: Table, records: AttemptRecord[]) => table.recordLate(records),
}));
vi.mock("../../src/db/deliveries.ts", () => ({
  releaseDeliveries: (table: Table, unsent: Unsent[]) => table.release(unsent),
}));

const record = (attemptId: string, more: Partial<AttemptRecord> = {}) =>
  ({
    attemptId,
    outcome: "delivered",
    responseBody: null,
    sealedResponseBody: null,
    ...more,
  }) as AttemptRecord;

const failure = (code: string) => Object.assign(new Error(code), { code });

/** A recorder over a table in which all goes well, unless the test puts something else there. */
function openWorld() {
  vi.useFakeTimers({ toFake: ["performance", "setTimeout", "clearTimeout"] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const done: string[] = [];
  const names = (records: readonly { attemptId: string }[]) =>
    records.map(({ attemptId }) => attemptId).join(" ");
  const table: Table = {
    record: async (records) => {
      done.push(`record ${names(records)}`);
      return new Set();
    },
    recordLate: async (records) => void done.push(`late ${names(records)}`),
    release: async (unsent) => void done.push(`release ${unsent.map(({ id }) => id).join(" ")}`),
  };
  const failures: [string, number][] = [];
  const shut: string[] = [];
  armFaultPoints((point) => done.push(point));
  const recorder = openRecorder({
    database: { sql: table } as unknown as Database,
    onShut: (ids) => shut.push(...ids),
    onFailure: (error, count) => failures.push([(error as { code: string }).code, count]),
  });
  return { table, recorder, done, failures, shut };
}

const pass = async (ms: number) => {
  await vi.advanceTimersByTimeAsync(ms);
  // Batches leave after the callbacks that are ready.
  for (let turns = 0; turns < 3; turns++) await new Promise((resolve) => setImmediate(resolve));
};

test("results that come together are written together; each learns whether it moved its delivery, and late ones are logged", async () => {
  const { table, recorder, done } = openWorld();
  const all = table.record;
  table.record = async (records) => {
    await all(records);
    return new Set(["b"]);
  };
  const results = Promise.all(["a", "b", "c"].map((id) => recorder.record(record(id))));
  expect(recorder.waiting).toBe(3);
  expect(await results).toEqual([true, false, true]);
  expect(done).toEqual(["before_result_commit", "record a b c", "after_result_commit", "late b"]);
  expect(recorder.waiting).toBe(0);
});

test("when no result is late nothing is logged as late", async () => {
  const { recorder, done } = openWorld();
  expect(await recorder.record(record("a"))).toBe(true);
  expect(done).toEqual(["before_result_commit", "record a", "after_result_commit"]);
});

test("leases are given back together", async () => {
  const { recorder, done } = openWorld();
  await Promise.all(["a", "b"].map((id) => recorder.release({ id } as Unsent)));
  expect(done).toEqual(["before_release", "release a b"]);
});

test("a batch is no heavier than 8 MiB, and no larger than 500", async () => {
  const { recorder, done } = openWorld();
  const half = "x".repeat(4 * 1024 * 1024 - 500);
  const sealed = Buffer.alloc(half.length);
  const heavy = [
    record("a", { responseBody: half }),
    record("b", { sealedResponseBody: sealed }),
    record("c"),
  ];
  await Promise.all(heavy.map((one) => recorder.record(one)));
  const batches = () => done.filter((what) => what.startsWith("record"));
  expect(batches()).toEqual(["record a b", "record c"]);
  done.splice(0);
  const many = Array.from({ length: 501 }, (_, n) => recorder.record(record(`${n}`)));
  await pass(5);
  await Promise.all(many);
  expect(batches().map((batch) => batch.split(" ").length - 1)).toEqual([500, 1]);
});

test("while the database is away results are tried again, after 50 ms and then twice as long up to two seconds", async () => {
  const { table, recorder, failures } = openWorld();
  const { record: works } = table;
  const triedAtMs: number[] = [];
  table.record = async () => {
    triedAtMs.push(performance.now());
    throw failure("57P01");
  };
  const result = recorder.record(record("a"));
  await pass(0);
  const startedAtMs = triedAtMs[0] ?? 0;
  for (let step = 0; step < 60; step++) await pass(100);
  expect(triedAtMs.map((at) => at - startedAtMs).slice(0, 9)).toEqual([
    0, 50, 150, 350, 750, 1_550, 3_150, 5_150,
  ]);
  expect(failures[0]).toEqual(["57P01", 1]);
  table.record = works;
  await pass(2_000);
  expect(await result).toBe(true);
});

test.each(["57P01", "40001", "57014"])("what may pass is tried again: %s", async (code) => {
  const { table, recorder } = openWorld();
  const { record: works } = table;
  let tries = 0;
  table.record = async (records) => {
    if (tries++ === 0) throw failure(code);
    return await works(records);
  };
  const result = recorder.record(record("a"));
  await pass(50);
  expect([await result, tries]).toEqual([true, 2]);
});

test("a result is given up when no lease can hold any more, 90 seconds after it came", async () => {
  const { table, recorder } = openWorld();
  table.record = () => Promise.reject(failure("57P01"));
  let outcome = "";
  recorder.record(record("a")).catch((error) => {
    outcome = error.code;
  });
  for (let seconds = 0; seconds < 90; seconds++) await pass(1_000);
  expect(outcome).toBe("");
  for (let seconds = 0; seconds < 5; seconds++) await pass(1_000);
  expect(outcome).toBe("57P01");
});

test("a result that the database refuses fails at once, and does not take others along", async () => {
  const { table, recorder, failures } = openWorld();
  const { record: works } = table;
  table.record = async (records) => {
    if (records.some(({ attemptId }) => attemptId === "bad")) throw failure("23514");
    return await works(records);
  };
  const results = ["a", "bad", "c"].map((id) =>
    recorder.record(record(id)).catch((error) => error.code),
  );
  expect(await Promise.all(results)).toEqual([true, "23514", true]);
  expect(failures).toEqual([
    ["23514", 3],
    ["23514", 1],
  ]);
});

test("idle is when all results and all leases are written", async () => {
  const { table, recorder } = openWorld();
  const finish: (() => void)[] = [];
  table.record = () =>
    new Promise((resolve) => {
      finish.push(() => resolve(new Set()));
    });
  table.release = () =>
    new Promise((resolve) => {
      finish.push(resolve);
    });
  await recorder.idle();
  const written = [recorder.record(record("a")), recorder.release({ id: "b" } as Unsent)];
  let idle = false;
  const waiting = recorder.idle().then(() => {
    idle = true;
  });
  await pass(0);
  for (const one of finish.splice(0)) {
    expect(idle).toBe(false);
    one();
    await pass(0);
  }
  await Promise.all(written);
  await waiting;
});
