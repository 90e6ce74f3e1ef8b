import { openRecordFacts } from "../../src/actions/record-facts.ts";
import { assistantMessages } from "../../src/domain/contracts/assistant-messages.ts";
import { organisationWebhooks } from "../../src/domain/contracts/organisation-webhooks.ts";
import { workflowWebhooks } from "../../src/domain/contracts/workflow-webhooks.ts";
import type { Fact } from "../../src/domain/facts.ts";
import { openTestApi, type TestApi } from "./api.ts";

/** Opens the API with facts that are really recorded; nothing is dispatched, so deliveries stay pending. */
export async function openFactsApi(): Promise<TestApi> {
  return await openTestApi({
    deps: (database) => {
      const group = openRecordFacts({
        database,
        contracts: [workflowWebhooks, organisationWebhooks, assistantMessages],
        hotPath: {
          reserve: () => false,
          cancel: () => {},
          accept: () => {},
          leftInTable: () => {},
        },
        waitingMax: 1_000,
        onUnwanted: () => {},
      });
      return { recordFacts: (fact: Fact) => group.record(fact), recordAllFacts: group.recordAll };
    },
  });
}
