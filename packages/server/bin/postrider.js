#!/usr/bin/env node
// Runs the TypeScript sources as they are: Node 20 cannot strip types by itself, tsx can.
import { register } from "tsx/esm/api";

register();
const { main } = await import("./main.ts");
await main(process.argv);
