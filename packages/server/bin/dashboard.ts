import { spawn } from "node:child_process";
import { readApplication, unbuiltCheckout } from "../src/built-files.ts";
import { tellWhileWaiting } from "../src/patience.ts";

/** How a checkout gets its dashboard. */
export const buildCommand = "npm run build -w packages/dashboard";

/** A checkout: its root while the dashboard is not built, and whether it is built. */
type Checkout = { unbuilt(): string | undefined; isBuilt(): boolean };
const thisCheckout: Checkout = {
  unbuilt: () => unbuiltCheckout("dashboard"),
  isBuilt: () => readApplication("dashboard") !== undefined,
};

const buildMsMax = 180_000;

/**
 * Builds the dashboard of a checkout that has none; returns whether there is one afterwards.
 *
 * If the build fails, the service starts without its pages.
 */
export async function ensureDashboard(
  tell: (line: string) => void,
  stop: AbortSignal,
  { unbuilt, isBuilt }: Checkout = thisCheckout,
): Promise<boolean> {
  const root = unbuilt();
  if (root === undefined) return isBuilt();
  tell("building the dashboard (first start only) …");
  await tellWhileWaiting(build(root, stop), (seconds) =>
    tell(`building the dashboard (first start only) … (${seconds} s so far)`),
  );
  stop.throwIfAborted();
  return isBuilt();
}

/** Resolves when the build has ended, even if it failed. */
async function build(root: string, stop: AbortSignal): Promise<void> {
  const [command = "", ...args] = buildCommand.split(" ");
  const signal = AbortSignal.any([stop, AbortSignal.timeout(buildMsMax)]);
  const child = spawn(command, args, { cwd: root, stdio: "ignore", signal });
  await new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
}

/** Opens an address in this machine's browser, if there is one. */
export function openInBrowser(url: string): void {
  const command = process.platform === "darwin" ? "open" : "xdg-open";
  const child = spawn(command, [url], { stdio: "ignore", detached: true });
  child.once("error", () => console.error(`postrider: no browser could be opened (${command})`));
  child.unref();
}
