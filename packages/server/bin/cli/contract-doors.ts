import type { Endpoint, Postrider, SigningSecret } from "@postrider/sdk";
import { StartError } from "../../src/start-error.ts";
import type { EventTypeName } from "./event-types.ts";

/** The API's operations for the endpoints of one contract. */
export type ContractDoor = {
  getSecret(id: string): Promise<SigningSecret>;
  rotateSecret(id: string): Promise<SigningSecret>;
  /** The samples that its test route sends; an assistant's server has none. */
  samples: "all" | readonly EventTypeName[];
  /** Sends a sample only to this endpoint. */
  test(id: string, type: EventTypeName | undefined): Promise<{ event_id: string }>;
};

/** Finds the routes of an endpoint's own contract. */
export function doorOf(postrider: Postrider, contract: Endpoint["contract"]): ContractDoor {
  const { workflowWebhooks, webhooks, assistants, operationalWebhooks } = postrider;
  switch (contract) {
    case "workflow":
      return {
        ...workflowWebhooks,
        samples: "all",
        test: (id, type) => workflowWebhooks.test(id, actionOf(type)),
      };
    case "operational":
      return {
        ...operationalWebhooks,
        samples: "all",
        test: (id, type) => operationalWebhooks.test(id, actionOf(type)),
      };
    case "organisation":
      return { ...webhooks, samples: ["workflow.completed"], test: (id) => webhooks.test(id) };
    case "assistant":
      return {
        ...assistants,
        samples: [],
        test: async (id) => {
          throw new StartError(
            `An assistant's server has no sample of its own. Play a call for it, run: postrider trigger status-update --endpoint ${id}`,
          );
        },
      };
    case "listener":
      return { samples: [], getSecret: noDoor, rotateSecret: noDoor, test: noDoor };
  }
}

/** A listener's secret is shown once, and it has no test route. */
async function noDoor(): Promise<never> {
  throw new StartError(
    "A listener lasts as long as the command that made it, which has shown its secret. Make another, run: postrider listen --help",
  );
}

/** Passed on as it is: the service refuses an action that the webhook's contract does not have. */
const actionOf = (type: EventTypeName | undefined) =>
  (type === undefined ? {} : { action: type }) as { action?: never };
