import type { Command } from "commander";
import { addEndpointCommands } from "./endpoints.ts";
import { addListenCommand } from "./listen.ts";
import { addLoginCommand } from "./login.ts";

/** Adds every command that asks a service, in the order in which the help lists them. */
export function addClientCommands(program: Command): void {
  addLoginCommand(program);
  addEndpointCommands(program);
  addListenCommand(program);
}
