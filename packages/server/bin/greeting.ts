import colors from "picocolors";

/** A line that tells what is being waited for and goes away when it is there. */
export function progressLine(): { show: (line: string) => void; clear: () => void } {
  const { isTTY } = process.stdout;
  return {
    show: (line) => process.stdout.write(isTTY ? `\r\u001b[2K${colors.dim(line)}` : `${line}\n`),
    clear: () => {
      if (isTTY) process.stdout.write("\r\u001b[2K");
    },
  };
}

/** Prints where everything is, and the three commands that end with a delivery. */
export function printGreeting(given: {
  url: string;
  apiKey: string;
  teamId: string;
  receiverUrl: string | undefined;
}): void {
  const receiverUrl = given.receiverUrl ?? "http://127.0.0.1:8081";
  const rows = [
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
  console.log(`\n${colors.bold("Your first delivery:")} paste these into another terminal.\n`);
  for (const command of firstDelivery(given.url, given.apiKey, receiverUrl)) {
    console.log(`${command}\n`);
  }
  console.log(colors.dim(`Stop with Ctrl-C. Traffic of every kind: ${traffic(given)}`));
}

/** The commands that play traffic here, with the options that this service needs. */
function traffic({ url, receiverUrl }: { url: string; receiverUrl: string | undefined }): string {
  const options = [
    url === "http://127.0.0.1:8080" ? "" : ` --url ${url}`,
    receiverUrl === undefined || receiverUrl === "http://127.0.0.1:8081"
      ? ""
      : ` --receiver ${receiverUrl}`,
  ].join("");
  return ["workflow", "call"].map((what) => `npx postrider simulate ${what}${options}`).join("; ");
}

/** The three curl commands: subscribe, create a workflow, start a run of it. */
export function firstDelivery(url: string, apiKey: string, receiverUrl: string): string[] {
  const workflowId = "5eb7cf5a86d9755df3a6c593";
  const post = (path: string, body: object) =>
    [
      `curl -sS ${url}/workflows/v1${path} \\`,
      `  -H 'Authorization: Bearer ${apiKey}' -H 'Content-Type: application/json' \\`,
      `  -d '${JSON.stringify(body)}'`,
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
