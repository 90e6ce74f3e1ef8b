import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { findFreePort } from "../packages/server/test/support/ports.ts";
import { findProgram } from "./programs.ts";
import type { World } from "./world.ts";

/** A receiver that answers 204 at once and counts. */
export type Sink = {
  kind: "nginx" | "node";
  /** `http://127.0.0.1:port`; every path takes a POST. */
  origin: string;
  pid: number;
  /** POSTs it has answered so far. */
  count(): Promise<number>;
  close(): Promise<void>;
};

/** Starts nginx as the receiver, or a small Node server where there is no nginx; says which. */
export async function openSink(world: World, say: (line: string) => void): Promise<Sink> {
  const nginx = findProgram("nginx");
  if (nginx) return world.own(await openNginx(nginx, path.join(world.directory, "nginx")));
  say("receiver: Node, which takes more CPU than nginx (Debian: apt-get install nginx-light)");
  return world.own(await openNodeSink());
}

async function openNginx(program: string, prefix: string): Promise<Sink> {
  const port = await findFreePort();
  mkdirSync(prefix, { recursive: true });
  const config = path.join(prefix, "nginx.conf");
  writeFileSync(config, nginxConfig(port));
  const child = spawn(program, ["-p", prefix, "-c", config, "-e", path.join(prefix, "error.log")], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  let counts = 0;
  const origin = `http://127.0.0.1:${port}`;
  const requests = async () => {
    const text = await (await fetch(`${origin}/status`)).text();
    counts++;
    // Accepted and handled connections, then requests: this one included.
    return Number(/^\s*\d+ \d+ (\d+)/m.exec(text)?.[1]) - counts;
  };
  await untilAnswering(requests, child);
  return {
    kind: "nginx",
    origin,
    pid: child.pid ?? 0,
    count: requests,
    close: () => end(child, "SIGTERM"),
  };
}

const nginxConfig = (port: number): string => `
${process.getuid?.() === 0 ? "user root;" : ""}
daemon off;
pid nginx.pid;
worker_processes 1;
worker_rlimit_nofile 32768;
# Short of them it closes idle ones, into which somebody may be writing: more than all processes of a benchmark open.
events { worker_connections 16384; }
http {
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / { return 204; }
    location = /status { stub_status; }
  }
}
`;

async function openNodeSink(): Promise<Sink> {
  const child = fork(fileURLToPath(new URL("./sink.mjs", import.meta.url)), { silent: true });
  const [line] = child.stdout ? await once(child.stdout, "data") : [];
  const origin = `http://127.0.0.1:${Number(line)}`;
  return {
    kind: "node",
    origin,
    pid: child.pid ?? 0,
    count: async () => Number(await (await fetch(origin)).text()),
    close: () => end(child, "SIGKILL"),
  };
}

async function end(child: ReturnType<typeof spawn>, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, "exit");
}

async function untilAnswering(
  ask: () => Promise<number>,
  child: ReturnType<typeof spawn>,
): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await ask();
      return;
    } catch (error) {
      if (tries > 200 || child.exitCode !== null) {
        throw new Error("nginx did not start", { cause: error });
      }
      await pause(25);
    }
  }
}
