import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const directory = fileURLToPath(new URL("./peers/", import.meta.url));

/** Installs the job queues of bench/peers as their lockfile has them, once; returns why it could not. */
export async function installPeers(say: (line: string) => void): Promise<string | undefined> {
  if (installed()) return undefined;
  say("installing the job queues of bench/peers (npm ci) …");
  const child = spawn("npm", ["ci", "--no-audit", "--no-fund", "--loglevel", "error"], {
    cwd: directory,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let errors = "";
  child.stderr.on("data", (chunk) => {
    errors += chunk;
  });
  const code = await once(child, "exit").then(
    ([exitCode]) => exitCode,
    (error: Error) => error.message,
  );
  if (code === 0) return undefined;
  const [reason = code] = errors.split("\n").filter((line) => line.startsWith("npm error"));
  return `its package could not be installed (${reason})`;
}

/** Compares what npm has written down of its installation with the lockfile; what is for other systems is not there. */
function installed(): boolean {
  const packagesOf = (file: string): Record<string, { version?: string }> =>
    JSON.parse(readFileSync(path.join(directory, file), "utf8")).packages;
  try {
    const locked = packagesOf("package-lock.json");
    const present = Object.entries(packagesOf("node_modules/.package-lock.json"));
    const { dependencies } = JSON.parse(readFileSync(path.join(directory, "package.json"), "utf8"));
    return (
      present.every(([name, { version }]) => locked[name]?.version === version) &&
      Object.keys(dependencies).every((name) =>
        existsSync(path.join(directory, "node_modules", name)),
      )
    );
  } catch {
    return false;
  }
}
