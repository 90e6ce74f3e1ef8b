import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { connect } from "node:net";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { findFreePort } from "../packages/server/test/support/ports.ts";
import { findProgram } from "./programs.ts";
import type { World } from "./world.ts";

/** A Redis of the benchmark's own: append-only file, synced every second. */
export type Redis = { pid: number; port: number; version: string; empty(): Promise<void> };

/** Starts Redis in the world's directory; undefined when there is no redis-server. */
export async function openRedis(world: World): Promise<Redis | undefined> {
  const program = findProgram("redis-server");
  if (!program) return undefined;
  const directory = path.join(world.directory, "redis");
  mkdirSync(directory);
  const port = await findFreePort();
  const settings = {
    port: String(port),
    bind: "127.0.0.1",
    dir: directory,
    save: "",
    appendonly: "yes",
    appendfsync: "everysec",
    "maxmemory-policy": "noeviction",
    daemonize: "no",
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const child = spawn(program, flags, { stdio: ["ignore", "ignore", "inherit"] });
  world.own({
    async close() {
      if (child.exitCode !== null) return;
      child.kill("SIGTERM");
      await once(child, "exit");
    },
  });
  for (let tries = 0; ; tries++) {
    try {
      await command(port, "PING");
      break;
    } catch (error) {
      if (tries > 200 || child.exitCode !== null) {
        throw new Error("redis-server did not start", { cause: error });
      }
      await pause(25);
    }
  }
  const info = await command(port, "INFO server");
  return {
    pid: child.pid ?? 0,
    port,
    version: /redis_version:(\S+)/.exec(info)?.[1] ?? "",
    async empty() {
      await command(port, "FLUSHALL");
    },
  };
}

/** Sends one inline command; resolves with what comes back at first. */
async function command(port: number, text: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    socket.write(`${text}\r\n`);
    const [answer] = await once(socket, "data");
    return String(answer);
  } finally {
    socket.destroy();
  }
}
