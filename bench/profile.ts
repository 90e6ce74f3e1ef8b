import { readFileSync, writeFileSync } from "node:fs";
import { Session } from "node:inspector/promises";
import { table } from "./chart.ts";

type ProfileNode = {
  id: number;
  callFrame: { functionName: string; url: string; lineNumber: number };
  children?: number[];
};
type Profile = { nodes: ProfileNode[]; samples: number[]; timeDeltas: number[] };

const rowsMax = 25;
const samplingMicroseconds = 250;

/** Starts a CPU profile of this process; the returned function ends it and writes the file. */
export async function startProfile(file: string): Promise<() => Promise<void>> {
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.setSamplingInterval", { interval: samplingMicroseconds });
  await session.post("Profiler.start");
  return async () => {
    const { profile } = await session.post("Profiler.stop");
    session.disconnect();
    writeFileSync(file, JSON.stringify(profile));
  };
}

/** Prints where a process spent its time by a V8 CPU profile: by module, and the dearest functions by their own time. */
export function printProfile(file: string, say: (line?: string) => void): void {
  const { byPart, byFunction, busyMs } = readProfile(file);
  const rows = (shares: Map<string, number>) =>
    [...shares]
      .sort(([, one], [, other]) => other - one)
      .slice(0, rowsMax)
      .map(([name, ms]) => [name, ms.toFixed(0), `${((ms / busyMs) * 100).toFixed(1)} %`]);
  say();
  say(`CPU profile of ours: ${busyMs.toFixed(0)} ms busy`);
  for (const line of table(["part", "ms", "share"], rows(byPart))) say(line);
  say();
  for (const line of table(["function", "ms", "share"], rows(byFunction))) say(line);
  say();
}

function readProfile(file: string): {
  byPart: Map<string, number>;
  byFunction: Map<string, number>;
  busyMs: number;
} {
  const { nodes, samples, timeDeltas }: Profile = JSON.parse(readFileSync(file, "utf8"));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map<number, number>();
  for (const { id, children } of nodes) for (const child of children ?? []) parents.set(child, id);

  const byPart = new Map<string, number>();
  const byFunction = new Map<string, number>();
  let busyMs = 0;
  samples.forEach((id, index) => {
    const node = byId.get(id);
    const ms = (timeDeltas[index + 1] ?? 0) / 1_000;
    if (!node || node.callFrame.functionName === "(idle)") return;
    busyMs += ms;
    const part = partOf(node, (of) => byId.get(parents.get(of.id) ?? -1));
    byPart.set(part, (byPart.get(part) ?? 0) + ms);
    const { functionName } = node.callFrame;
    const name = `${functionName || "(anonymous)"}, ${part}`;
    byFunction.set(name, (byFunction.get(name) ?? 0) + ms);
  });
  return { byPart, byFunction, busyMs };
}

/** The module a sample belongs to; native and Node's own code belongs to the module that called it. */
function partOf(node: ProfileNode, parent: (node: ProfileNode) => ProfileNode | undefined): string {
  const { functionName } = node.callFrame;
  if (functionName === "(garbage collector)") return "garbage collection";
  for (let at: ProfileNode | undefined = node; at; at = parent(at)) {
    const { url } = at.callFrame;
    const dependency = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
    if (dependency) return dependency;
    const own = /\/packages\/(?:server\/src\/|(sdk)\/src\/)(.*)$/.exec(url);
    if (own) return own[1] ? `sdk/${own[2]}` : (own[2] ?? "");
    const bench = /\/bench\/(.*)$/.exec(url)?.[1];
    if (bench) return `bench/${bench}`;
  }
  return functionName.startsWith("(") ? functionName : "node";
}
