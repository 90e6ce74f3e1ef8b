import { openPayloadVault } from "../../src/actions/payload-vault.ts";
import { openRecordFacts } from "../../src/actions/record-facts.ts";
import { allContracts } from "../../src/domain/contracts/all-contracts.ts";
import type { Fact } from "../../src/domain/facts.ts";
import { openKeyring } from "../../src/secrets.ts";
import { openTestApi, type TestApi, type TestApiOptions } from "./api.ts";
import { notSent } from "./not-sent.ts";

/** The key of the API that tests open. */
const testKey = Buffer.alloc(32, 7);

/** Opens the API with facts that are really recorded; nothing is dispatched, so deliveries stay pending. */
export async function openFactsApi(
  options: Pick<TestApiOptions, "database"> = {},
): Promise<TestApi> {
  return await openTestApi({
    ...options,
    deps: (database, owner) => {
      const group = openRecordFacts({
        database,
        contracts: allContracts,
        hotPath: notSent(),
        vault: openPayloadVault({ database: owner, keyring: openKeyring([testKey]) }),
        waitingMax: 1_000,
        onUnwanted: () => {},
      });
      return { recordFacts: (fact: Fact) => group.record(fact), recordAllFacts: group.recordAll };
    },
  });
}
