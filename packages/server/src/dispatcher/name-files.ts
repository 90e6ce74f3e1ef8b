import { readFile, stat } from "node:fs/promises";
import net from "node:net";

const lookAgainAfterMs = 1_000;

/** Follows a text file: returns its parsed content, at most a second old. A missing file counts as empty. */
export function followFile<T>(path: string, parse: (text: string) => T): () => Promise<T> {
  let known = parse("");
  let version = "";
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  let looking = Promise.resolve();

  async function look() {
    const found = await stat(path).catch(() => undefined);
    const newVersion = found ? `${found.ino} ${found.size} ${found.mtimeMs}` : "";
    if (newVersion === version) return;
    known = parse(await readFile(path, "utf8").catch(() => ""));
    version = newVersion;
  }

  return async () => {
    if (performance.now() - lookedAtMs >= lookAgainAfterMs) {
      lookedAtMs = performance.now();
      looking = look();
    }
    await looking;
    return known;
  };
}

/** Reads hosts(5): the addresses of each name, in the order of the lines. */
export function parseHosts(text: string): ReadonlyMap<string, readonly string[]> {
  const hosts = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const [address = "", ...names] = line.replace(/#.*/, "").trim().split(/\s+/);
    if (net.isIP(address) === 0) continue;
    for (const name of names) {
      const key = name.toLowerCase().replace(/\.$/, "");
      const addresses = hosts.get(key);
      if (addresses) addresses.push(address);
      else hosts.set(key, [address]);
    }
  }
  return hosts;
}

/** Reads the search list of resolv.conf(5): the last `search` or `domain` counts. */
export function parseSearchList(text: string): readonly string[] {
  const lines = text.split("\n").map((line) => line.trim().split(/\s+/));
  const [, ...domains] = lines.findLast(([word]) => word === "search" || word === "domain") ?? [];
  return domains.map((domain) => domain.toLowerCase().replace(/\.$/, "")).filter(Boolean);
}
