import { execFile } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";

const run = promisify(execFile);

/** Makes an empty folder outside of the checkout, for the time of one test. */
export function emptyFolder(): string {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), "postrider-packages-")));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Makes a folder with these packages installed, as `npm install <package>…` leaves it. */
export async function installed(...packages: string[]): Promise<string> {
  const folder = emptyFolder();
  await install(folder, ...packages);
  return folder;
}

/** Installs packages in a folder, without running scripts of theirs. */
export async function install(folder: string, ...packages: string[]): Promise<void> {
  const options = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"];
  await run("npm", ["install", ...options, ...packages], { cwd: folder, timeout: 150_000 });
}

/** Writes files into a folder and returns it. */
export function write(folder: string, files: Readonly<Record<string, string>>): string {
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
  return folder;
}

/** Runs a program of a folder to its end; gives what it printed, with what it printed when it failed. */
export async function runIn(
  folder: string,
  program: string,
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    const { stdout, stderr } = await run(program, args, { cwd: folder, timeout: 120_000 });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}
