import colors from "picocolors";
import { packageVersion, readConfigAsFarAsRight, secretsOfSettings } from "../src/config.ts";
import { examine } from "../src/doctor/examine.ts";
import { counted, exitCodeOf, type Finding, type Level } from "../src/domain/diagnosis/finding.ts";
import { encryptionKeysIfThere } from "./development.ts";
import { requireReceiverUrl } from "./options.ts";

export type DoctorOptions = {
  /** A receiver to send a HEAD to. */
  url?: string;
  json?: boolean;
};

const paint: Readonly<Record<Level, (text: string) => string>> = {
  ok: colors.green,
  warning: colors.yellow,
  problem: colors.red,
  skipped: colors.dim,
};
const nameWidth = 16;
const levelWidth = 8;

/** Prints what is wrong and how to fix it, in order; sets the exit code. */
export async function runDoctor({ url, json }: DoctorOptions, stop: AbortSignal): Promise<void> {
  const { config, wrong } = readConfigAsFarAsRight();
  const encryptionKeys =
    config.encryptionKeys.length > 0 || config.databaseUrl !== undefined
      ? config.encryptionKeys
      : encryptionKeysIfThere(config.dataDirectory);
  if (url !== undefined) requireReceiverUrl(url);
  const findings: Finding[] = [];
  const printer = openPrinter();
  const given = {
    config: { ...config, encryptionKeys },
    wrong,
    url,
    nowMs: Date.now,
    nodeVersion: process.versions.node,
    hide: hiding(secretsOfSettings()),
    stop,
  };
  for await (const finding of examine(given)) {
    findings.push(finding);
    if (!json) printer.print(finding);
  }
  process.exitCode = stop.aborted ? 1 : exitCodeOf(findings);
  if (!json) printer.end();
  if (json) {
    const document = { version: packageVersion, ok: process.exitCode === 0, findings };
    console.log(JSON.stringify(document, null, 2));
    return;
  }
  if (stop.aborted) console.log("\nStopped before all checks were done.");
  else console.log(`\n${summary(findings)}`);
}

/** Prints a line for each finding; checks that are skipped for the same reason share one. */
function openPrinter() {
  const left: Finding[] = [];
  const line = (level: Level, name: string, says: string) =>
    console.log(`${paint[level](level.padEnd(levelWidth))} ${name.padEnd(nameWidth)} ${says}`);
  function end() {
    const [one, ...others] = left.splice(0);
    if (!one) return;
    const names = [one, ...others].map(({ check }) => check).join(", ");
    if (others.length === 0) line(one.level, one.check, one.says);
    else line(one.level, counted(others.length + 1, "check"), `${one.says} (${names})`);
  }
  return {
    end,
    print(finding: Finding) {
      const { check, level, says, mend } = finding;
      if (left.length > 0 && left[0]?.says !== says) end();
      if (level === "skipped") {
        left.push(finding);
        return;
      }
      line(level, check, says);
      if (mend !== null) console.log(`${" ".repeat(levelWidth + nameWidth + 2)}→ ${mend}`);
    },
  };
}

function summary(findings: readonly Finding[]): string {
  const count = (level: Level) => findings.filter((one) => one.level === level).length;
  const [problems, warnings, skips] = [count("problem"), count("warning"), count("skipped")];
  const rest = skips === 0 ? "" : `; ${counted(skips, "check")} skipped`;
  if (problems + warnings === 0) return `No problems${rest}.`;
  return `${counted(problems, "problem")}, ${counted(warnings, "warning")}${rest}.`;
}

/** Removes the settings' secrets from errors of the driver or the system. */
const hiding =
  (secrets: readonly string[]) =>
  (text: string): string =>
    secrets.reduce((shown, secret) => shown.replaceAll(secret, "…"), text);
