import colors from "picocolors";
import { buildCommand } from "./dashboard.ts";

/** A status line on the terminal that disappears when the wait is over. */
export function progressLine(): { show: (line: string) => void; clear: () => void } {
  const { isTTY } = process.stdout;
  return {
    show: (line) => process.stdout.write(isTTY ? `\r\u001b[2K${colors.dim(line)}` : `${line}\n`),
    clear: () => {
      if (isTTY) process.stdout.write("\r\u001b[2K");
    },
  };
}

/** The values of the greeting of a service in development mode. */
export type Greeting = {
  url: string;
  /** A link to the dashboard that signs in once; undefined where it is not built. */
  dashboardUrl: string | undefined;
  apiKey: string;
  /** Whether `postrider simulate` finds the key in this directory. */
  keyIsFound: boolean;
  teamId: string;
  receiverUrl: string | undefined;
  /** Why these settings refuse a receiver on this machine. */
  receiverRefused: string | undefined;
};

const defaultUrl = "http://127.0.0.1:8080";
const defaultReceiverUrl = "http://127.0.0.1:8081";

/** Prints the addresses and ready-to-use commands: three that end with a delivery, two that simulate traffic. */
export function printGreeting(given: Greeting): void {
  const receiverUrl = given.receiverUrl ?? defaultReceiverUrl;
  const rows = [
    [
      "Dashboard",
      given.dashboardUrl
        ? `${given.dashboardUrl}  (signs in once, within 10 minutes)`
        : `not built; build it with: ${buildCommand}`,
    ],
    ["API", given.url],
    ["API docs", `${given.url}/docs`],
    ["API key", given.apiKey],
    ["Team", given.teamId],
    [
      "Receiver",
      given.receiverUrl
        ? `${receiverUrl}  (prints here what arrives)`
        : `none; start one with: npx postrider receive`,
    ],
  ];
  console.log(`\n${colors.bold("Postrider")} is running, in development mode.\n`);
  for (const [name = "", value] of rows) console.log(`  ${name.padEnd(9)} ${value}`);
  if (given.receiverRefused !== undefined) {
    console.log(
      `\nThese settings do not allow a receiver on this machine: ${given.receiverRefused}`,
    );
    console.log("For a first delivery, unset POSTRIDER_ALLOW_HTTP and POSTRIDER_EGRESS_ALLOW.\n");
    console.log(colors.dim("Stop with Ctrl-C."));
    return;
  }
  console.log(`\n${colors.bold("Your first delivery:")} paste these into another terminal.\n`);
  for (const command of firstDelivery(given.url, given.apiKey, receiverUrl)) {
    console.log(`${command}\n`);
  }
  console.log(
    colors.dim(`Stop with Ctrl-C. Traffic of every kind: ${trafficCommands(given).join("; ")}`),
  );
}

/** The commands that play traffic, with the options that this service needs. */
export function trafficCommands({
  url,
  receiverUrl = defaultReceiverUrl,
  apiKey,
  keyIsFound,
}: Pick<Greeting, "url" | "receiverUrl" | "apiKey" | "keyIsFound">): string[] {
  const options = [
    url === defaultUrl ? "" : ` --url ${url}`,
    receiverUrl === defaultReceiverUrl ? "" : ` --receiver ${receiverUrl}`,
    keyIsFound ? "" : ` --key ${inShell(apiKey)}`,
  ].join("");
  return ["workflow", "call"].map((what) => `npx postrider simulate ${what}${options}`);
}

/** A word for a POSIX shell, in quotes where it needs them. */
const inShell = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) && !text.startsWith("-") ? text : inQuotes(text);

const inQuotes = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** The three curl commands: subscribe, create a workflow, start a run of it. */
export function firstDelivery(url: string, apiKey: string, receiverUrl: string): string[] {
  const workflowId = "5eb7cf5a86d9755df3a6c593";
  const post = (path: string, body: object) =>
    [
      `curl -sS ${url}/workflows/v1${path} \\`,
      `  -H ${inQuotes(`Authorization: Bearer ${apiKey}`)} -H 'Content-Type: application/json' \\`,
      `  -d ${inQuotes(JSON.stringify(body))}`,
    ].join("\n");
  return [
    post("/workflow-webhooks", {
      name: "My first webhook",
      url: `${receiverUrl}/hook`,
      actions: ["workflow_run_started"],
    }),
    post("/workflows", { _id: workflowId, name: "Patient intake" }),
    post("/workflow-runs", { workflow_id: workflowId, trigger: "manual" }),
  ];
}
