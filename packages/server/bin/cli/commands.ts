import type { Command } from "commander";
import { addApiKeyCommands } from "./api-keys.ts";
import { addCallCommands } from "./calls.ts";
import { addDeliveryCommands } from "./deliveries.ts";
import { addDeliveryChangeCommands } from "./delivery-changes.ts";
import { addEndpointChangeCommands } from "./endpoint-changes.ts";
import { addEndpointCreateCommand } from "./endpoint-create.ts";
import { addEndpointCommands } from "./endpoints.ts";
import { addListenCommand } from "./listen.ts";
import { addLoginCommand } from "./login.ts";
import { addMcpCommand } from "./mcp.ts";
import { addReplayCommand } from "./replay.ts";
import { addRunCommands } from "./runs.ts";
import { addTriggerCommand } from "./trigger.ts";
import { addVerifyCommand } from "./verify.ts";

/** Adds every command that calls a service, in the order of the help. */
export function addClientCommands(program: Command, keys: Command): void {
  addLoginCommand(program);
  const endpoints = program
    .command("endpoints")
    .description("list, show, create and change endpoints");
  addEndpointCommands(endpoints);
  addEndpointCreateCommand(endpoints);
  addEndpointChangeCommands(endpoints);
  const deliveries = program
    .command("deliveries")
    .description("list and show deliveries, and send them again");
  addDeliveryCommands(deliveries);
  addDeliveryChangeCommands(deliveries);
  addRunCommands(program);
  addCallCommands(program);
  addReplayCommand(program);
  addTriggerCommand(program);
  addListenCommand(program);
  addVerifyCommand(program);
  addApiKeyCommands(keys);
  addMcpCommand(program);
}
