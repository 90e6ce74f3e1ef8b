import { rememberKeys } from "../src/actions/remember-keys.ts";
import { rotateEncryption } from "../src/actions/rotate-encryption.ts";
import { readKeySettings } from "../src/config.ts";
import { listPendingMigrations } from "../src/db/migrate.ts";
import { openDatabase } from "../src/db/pool.ts";
import { openKeyring } from "../src/secrets.ts";
import { databaseProblem, StartError } from "../src/start-error.ts";
import { progressLine } from "./greeting.ts";

export type RotateOptions = {
  /** Rows in one transaction. */
  batch: number;
  json?: boolean;
};

const statementTimeoutMs = 60_000;
const progressMs = 500;

/** Seals everything anew with the first key while the service runs, and says which keys can go. */
export async function rotateKeys(given: RotateOptions, stop: AbortSignal): Promise<void> {
  const { databaseUrl, encryptionKeys } = readKeySettings();
  const keyring = openKeyring(encryptionKeys);
  const pending = await listPendingMigrations(databaseUrl).catch((error) => {
    throw databaseProblem(error);
  });
  if (pending.length > 0) {
    throw new StartError("The database lacks migrations. Run: postrider migrate");
  }
  const database = openDatabase({
    url: databaseUrl,
    name: "keys",
    role: "owner",
    connectionsMax: 2,
    statementTimeoutMs,
    onError: () => {},
  });
  try {
    const missing = await rememberKeys({ database, keyring });
    if (missing !== undefined) {
      throw new StartError(
        `The database holds secrets encrypted with key ${missing}, which is not in POSTRIDER_ENCRYPTION_KEY. Add that key after the new one.`,
      );
    }
    const progress = progressLine();
    let shownAtMs = performance.now();
    const rotation = await rotateEncryption(
      { database, keyring },
      {
        batch: given.batch,
        stop,
        onProgress: ({ table, resealed }) => {
          if (given.json || performance.now() - shownAtMs < progressMs) return;
          shownAtMs = performance.now();
          progress.show(`${table}: ${resealed} values encrypted again so far`);
        },
      },
    );
    if (!given.json) progress.clear();
    report(rotation, given.json === true);
  } finally {
    await database.close();
  }
}

function report(rotation: Awaited<ReturnType<typeof rotateEncryption>>, asJson: boolean): void {
  const { resealed, unopened, complete, keyId, unusedKeyIds, neededKeyIds } = rotation;
  if (!complete || unopened > 0) process.exitCode = 1;
  if (asJson) {
    console.log(
      JSON.stringify({
        resealed,
        unopened,
        complete,
        key: keyId,
        unused_keys: unusedKeyIds,
        needed_keys: neededKeyIds,
      }),
    );
    return;
  }
  console.log(`${resealed} values were encrypted again with key ${keyId}.`);
  if (unopened > 0) {
    console.log(
      `${unopened} values cannot be decrypted with any of the keys. Keep every key you have.`,
    );
  } else if (!complete) {
    console.log("Not finished. Keep all keys, and run this command again.");
  } else if (unusedKeyIds.length > 0) {
    console.log(
      `Nothing is encrypted with ${unusedKeyIds.join(", ")} any more. Remove it from POSTRIDER_ENCRYPTION_KEY.`,
    );
  } else {
    console.log("No other key is in use.");
  }
}
