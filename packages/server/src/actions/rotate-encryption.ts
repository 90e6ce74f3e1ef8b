import { deleteEncryptionChecks, listEncryptionChecks } from "../db/encryption-checks.ts";
import type { Database } from "../db/pool.ts";
import {
  listSealedByOthersOfAllTeams,
  replaceSealed,
  type SealedRow,
  type SealedTable,
  sealedTables,
} from "../db/sealed-columns.ts";
import { openValue, sealValue } from "../sealed-values.ts";
import { type Keyring, SealError } from "../secrets.ts";

export type RotationDeps = { database: Database; keyring: Keyring };

/** The progress of a rotation. */
export type RotationProgress = {
  table: string;
  /** Values that were sealed anew. */
  resealed: number;
  /** Values that no given key opens. */
  unopened: number;
};

export type Rotation = {
  resealed: number;
  unopened: number;
  /** False: it was stopped before the end. */
  complete: boolean;
  keyId: string;
  /** Ids of keys with which nothing is sealed any more; they can be removed from the settings. */
  unusedKeyIds: string[];
  /** Ids of keys with which something may still be sealed. */
  neededKeyIds: string[];
};

export type RotationOptions = {
  /** Rows in one transaction. */
  batch: number;
  onProgress: (progress: RotationProgress) => void;
  stop: AbortSignal;
};

/** The most passes over all values. Another process may seal values with an old key during a pass; the next pass finds them. */
const passesMax = 5;

/**
 * Seals again, with the current key, all values that another key sealed, row by row while the service runs.
 *
 * A value is replaced only if it has not changed since it was opened. So a concurrent change is kept, and two rotations
 * at once do no harm. After an interruption, the next run continues with the remaining values.
 */
export async function rotateEncryption(
  deps: RotationDeps,
  options: RotationOptions,
): Promise<Rotation> {
  let resealed = 0;
  let unopened = 0;
  let clean = false;
  for (let pass = 0; pass < passesMax && !clean && !options.stop.aborted; pass++) {
    unopened = 0;
    let found = 0;
    for (const table of sealedTables) {
      for await (const step of stepsThrough(deps, table, options)) {
        resealed += step.resealed;
        unopened += step.unopened;
        found += step.found;
        options.onProgress({ table: table.name, resealed, unopened });
      }
    }
    clean = found === unopened;
  }
  const complete = clean && !options.stop.aborted;
  const { currentKeyId } = deps.keyring;
  const known = (await listEncryptionChecks(deps.database.sql)).map(({ keyId }) => keyId);
  const others = known.filter((keyId) => keyId !== currentKeyId);
  const done = complete && unopened === 0;
  if (done) await deleteEncryptionChecks(deps.database.sql, others);
  return {
    resealed,
    unopened,
    complete,
    keyId: currentKeyId,
    unusedKeyIds: done ? others : [],
    neededKeyIds: done ? [currentKeyId] : [currentKeyId, ...others],
  };
}

type Step = { found: number; resealed: number; unopened: number };

async function* stepsThrough(
  { database, keyring }: RotationDeps,
  table: SealedTable,
  { batch, stop }: RotationOptions,
): AsyncGenerator<Step> {
  const keyId = keyring.currentKeyId;
  let after: string[] | undefined;
  do {
    if (stop.aborted) return;
    const found = { keyId, after, limit: batch };
    const { rows, last } = await listSealedByOthersOfAllTeams(database.sql, table, found);
    if (rows.length > 0) yield await resealRows({ database, keyring }, table, rows);
    after = last;
  } while (after);
}

async function resealRows(
  { database, keyring }: RotationDeps,
  table: SealedTable,
  rows: readonly SealedRow[],
): Promise<Step> {
  return await database.begin(async (tx) => {
    const step = { found: 0, resealed: 0, unopened: 0 };
    for (const row of rows) {
      for (const [column, before] of Object.entries(row.values)) {
        if (before === null) continue;
        step.found++;
        const after = reseal(keyring, table, { ...row, column, before });
        if (after === undefined) step.unopened++;
        else if (await replaceSealed(tx, table, row, { column, before, after })) step.resealed++;
      }
    }
    return step;
  });
}

function reseal(
  keyring: Keyring,
  table: SealedTable,
  { teamId, rowId, column, before }: SealedRow & { column: string; before: Buffer },
): Buffer | undefined {
  const place = { table: table.name, column, teamId, rowId };
  try {
    return table.values.includes(column)
      ? sealValue(keyring, openValue(keyring, before, place), place)
      : keyring.seal(keyring.openBytes(before, place), place);
  } catch (error) {
    if (error instanceof SealError) return undefined;
    throw error;
  }
}
