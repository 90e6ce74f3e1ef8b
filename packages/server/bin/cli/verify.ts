import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { ConfigError, readClientSettings } from "../../src/config.ts";
import { examples } from "./client.ts";
import { type CapturedRequest, headersOf, parseRequest, RequestTextError } from "./request-text.ts";
import { readStdin } from "./stdin.ts";
import { print, printJson, toned } from "./terminal.ts";
import { allHolds, type Check, examineRequest } from "./verification.ts";

type VerifyOptions = {
  secret?: string[];
  header?: string[];
  bodyFile?: string;
  ignoreAge?: boolean;
  json?: boolean;
};

/** The command that says whether a request was signed by us, and if not, what happened to it. */
export function addVerifyCommand(program: Command): void {
  program
    .command("verify")
    .description("check the signature of a request, and say what is wrong; calls no service")
    .argument(
      "[file]",
      "file with the request as received: headers, an empty line, the body; default: standard input",
    )
    .option(
      "--secret <whsec>",
      "signing secret of the endpoint; default: POSTRIDER_WEBHOOK_SECRET; repeatable",
      gather,
    )
    .option(
      "--header <name: value>",
      "a header, used instead of all headers of the request; repeatable",
      gather,
    )
    .option(
      "--body-file <file>",
      "file with only the body, byte for byte; give the headers with --header",
    )
    .option("--ignore-age", "accept a request that is older than five minutes")
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `${examples(
        ["verify < request.http", "a saved request with its headers"],
        [
          "verify --body-file body.json --header 'webhook-id: …' --header 'webhook-timestamp: …' --header 'webhook-signature: …'",
          "a body and its headers",
        ],
      )}

Exit codes: 0 the request is valid, 1 it is not, 2 wrong usage.`,
    )
    .action(verifyRequest);
}

const gather = (text: string, before: string[] = []): string[] => [...before, text];

async function verifyRequest(file: string | undefined, given: VerifyOptions): Promise<void> {
  const secrets =
    given.secret ?? [readClientSettings().webhookSecret ?? ""].filter((one) => one !== "");
  if (secrets.length === 0) {
    throw new ConfigError(
      "There is no signing secret to verify with. Give it with --secret or POSTRIDER_WEBHOOK_SECRET; see it, run: postrider endpoints show <endpoint> --secret",
    );
  }
  const request = await readRequest(file, given);
  const checks = await examineRequest({
    ...request,
    secrets,
    nowMs: Date.now(),
    ...(given.ignoreAge && { ignoreAge: true }),
  });
  const holds = allHolds(checks);
  process.exitCode = holds ? 0 : 1;
  if (given.json) printJson({ holds, checks });
  else printChecks(checks);
}

async function readRequest(
  file: string | undefined,
  { header, bodyFile }: VerifyOptions,
): Promise<CapturedRequest> {
  if (bodyFile !== undefined && file !== undefined) {
    throw new ConfigError("Give either a request or --body-file, not both.");
  }
  try {
    if (bodyFile !== undefined || header !== undefined) {
      const body = bodyFile === undefined ? await readInput(file) : readFile(bodyFile);
      return { headers: headersOf(header ?? []), body };
    }
    return parseRequest(await readInput(file));
  } catch (error) {
    if (error instanceof RequestTextError) {
      throw new ConfigError(`${error.message} See: postrider verify --help`);
    }
    throw error;
  }
}

async function readInput(file: string | undefined): Promise<Buffer> {
  if (file !== undefined) return readFile(file);
  if (process.stdin.isTTY) {
    throw new ConfigError(
      "Give a file with a request, or a request on standard input: postrider verify < request.http",
    );
  }
  return await readStdin();
}

function readFile(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new ConfigError(`${file} cannot be read: ${(error as Error).message}`);
  }
}

const nameWidth = 12;

/** Prints the verdict on the signature, and below it what it depends on. */
function printChecks(checks: readonly Check[]): void {
  for (const { check, holds, says, mend } of checks) {
    const indent = check === "signature" ? "" : "  ";
    const name = check === "other_signature" ? "also" : check;
    const tone = holds ? "ok" : check === "other_signature" ? "idle" : "bad";
    const hint = mend === null ? "" : ` → ${mend}`;
    print(`${indent}${name.padEnd(nameWidth)}${toned(tone, says)}${hint}`);
  }
}
