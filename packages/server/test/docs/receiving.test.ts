import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { decodeSecret, encodeSecret, sign, signBody } from "@postrider/sdk/sign";
import { expect, onTestFinished, test, vi } from "vitest";
import {
  hasBearerToken,
  hasSharedSecret,
  isSignedBody,
  isTimedBody,
  verifySignature,
} from "../../../../docs/samples/verify.ts";
import { workflowActions, workflowWebhooks } from "../../src/domain/contracts/workflow-webhooks.ts";
import { jsonText, scanJson } from "../../src/domain/json-text.ts";
import type { Happening } from "../../src/domain/lifecycle/happening.ts";
import type { Run } from "../../src/domain/lifecycle/run.ts";
import type { Workflow } from "../../src/domain/lifecycle/workflow.ts";

const repository = fileURLToPath(new URL("../../../../", import.meta.url));
const read = (path: string) => readFileSync(`${repository}docs/${path}`, "utf8");
const page = read("receiving.md");
const secret = encodeSecret(new Uint8Array(32).fill(7));
const body = '{"event_id":"event_1","action":"workflow_created","dedupe_key":"é😀"}';

const samples = [
  {
    file: "samples/receive.ts",
    language: "ts",
    command: "npx",
    arguments: ["--no-install", "tsx"],
  },
  { file: "samples/receive.py", language: "python", command: "python3", arguments: [] },
] as const;

const missing = (command: string) => spawnSync(command, ["--version"]).status !== 0;

function fences(language: string): string[] {
  return [...page.matchAll(/^```(\w+)\n(.*?)^```$/gms)].flatMap(([, name, text = ""]) =>
    name === language ? [text] : [],
  );
}

type Receiver = { url: string; nextLine: () => Promise<string> };

/** Starts a sample on a port of its own choice; it ends with the test. */
async function start(sample: (typeof samples)[number]): Promise<Receiver> {
  const child: ChildProcess = spawn(
    sample.command,
    [...sample.arguments, `${repository}docs/${sample.file}`],
    {
      cwd: repository,
      detached: true, // A group of its own, so that what npx starts ends as well.
      env: { PATH: process.env.PATH, HOME: process.env.HOME, PORT: "0", WEBHOOK_SECRET: secret },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  onTestFinished(async () => {
    if (child.exitCode !== null || child.pid === undefined) return;
    const ended = once(child, "exit");
    process.kill(-child.pid, "SIGKILL");
    await ended;
  });
  if (!child.stdout) throw new Error("no stdout");
  const printed = createInterface(child.stdout)[Symbol.asyncIterator]();
  const nextLine = async () => {
    const { value = "" } = await printed.next();
    return value;
  };
  const url = /^Listening on (http:\S+)$/.exec(await nextLine())?.[1];
  if (!url) throw new Error(`${sample.file} did not print its port`);
  return { url, nextLine };
}

const filledTo = (bytes: number) => body + " ".repeat(bytes - Buffer.byteLength(body));

/** The largest figure in the page's table of bodies. */
function largestBody(): number {
  const [, section = ""] = page.split("### How large a body can be\n");
  const rows = (section.split(/^## /m)[0] ?? "").matchAll(/^\| `[\w.-]+` \| ([\d,]+) \|$/gm);
  const figures = [...rows].map(([, figure = ""]) => Number(figure.replaceAll(",", "")));
  expect(figures.length).toBe(22);
  return Math.max(...figures);
}

type Request = { id?: string; ageSeconds?: number; payload?: string; secrets?: string[] };

function signedHeaders({ id = "event_1", ageSeconds = 0, payload = body, secrets }: Request) {
  const timestamp = Math.floor(Date.now() / 1000) - ageSeconds;
  const signatures = (secrets ?? [secret]).map((one) =>
    sign(decodeSecret(one), id, timestamp, Buffer.from(payload)),
  );
  return {
    "webhook-id": id,
    "webhook-timestamp": String(timestamp),
    "webhook-signature": signatures.join(" "),
  };
}

async function post(url: string, headers: Record<string, string>, payload = body): Promise<number> {
  const response = await fetch(url, { method: "POST", headers, body: payload });
  await response.arrayBuffer();
  return response.status;
}

for (const sample of samples) {
  const absent = missing(sample.command);
  const name = `${sample.file}${absent ? ` (skipped: ${sample.command} is not installed)` : ""}`;

  test(`${sample.file} is in the page word for word`, () => {
    expect(fences(sample.language)).toContain(read(sample.file));
  });

  test.skipIf(absent)(`${name} accepts what is signed, once, and nothing else`, async () => {
    const receiver = await start(sample);
    const signed = signedHeaders({});
    const other = encodeSecret(new Uint8Array(32).fill(8));

    expect(await post(receiver.url, signed, body.replace("created", "deleted"))).toBe(401);
    expect(await post(receiver.url, signed, body.replace(":", ": "))).toBe(401);
    expect(await post(receiver.url, { ...signed, "webhook-id": "event_2" })).toBe(401);
    expect(await post(receiver.url, { ...signed, "webhook-timestamp": "1.0" })).toBe(401);
    expect(await post(receiver.url, { ...signed, "webhook-signature": "v1," })).toBe(401);
    expect(await post(receiver.url, { ...signed, "webhook-signature": "v1,\u00e9" })).toBe(401);
    expect(await post(receiver.url, {})).toBe(401);
    expect(await post(receiver.url, signedHeaders({ secrets: [other] }))).toBe(401);
    expect(await post(receiver.url, signedHeaders({ ageSeconds: 330 }))).toBe(401);
    expect(await post(receiver.url, signedHeaders({ ageSeconds: -330 }))).toBe(401);
    for (const payload of ["", "{", "null", "[]", '{"event_id":1}']) {
      expect(await post(receiver.url, signedHeaders({ payload }), payload)).toBe(400);
    }

    expect(await post(receiver.url, signed)).toBe(204);
    expect(await receiver.nextLine()).toBe("workflow_created event_1");
    expect(await post(receiver.url, signedHeaders({ ageSeconds: 270 }))).toBe(204);
    const next = body.replace("event_1", "event_2");
    const rotated = signedHeaders({ id: "event_2", payload: next, secrets: [other, secret] });
    expect(await post(receiver.url, rotated, next)).toBe(204);
    // The duplicate in between has printed nothing.
    expect(await receiver.nextLine()).toBe("workflow_created event_2");
  });

  test.skipIf(absent)(`${name} takes what each contract sends`, async () => {
    const receiver = await start(sample);
    const bodies = [
      ["workflow_created", { event_id: "event_1", action: "workflow_created" }],
      ["workflow.failed", { event_id: "event_2", event_type: "workflow.failed" }],
      ["hang", { message: { type: "hang", call: {} } }],
    ] as const;
    for (const [index, [type, event]] of bodies.entries()) {
      const [id, payload] = [`event_${index + 1}`, JSON.stringify(event)];
      expect(await post(receiver.url, signedHeaders({ id, payload }), payload)).toBe(204);
      expect(await receiver.nextLine()).toBe(`${type} ${id}`);
    }
  });

  test.skipIf(absent)(
    `${name} takes the largest body of the page's table, and answers 413 to more than 5,000,000 bytes`,
    async () => {
      const receiver = await start(sample);
      const largest = filledTo(largestBody());
      expect(await post(receiver.url, signedHeaders({ payload: largest }), largest)).toBe(204);
      expect(await post(receiver.url, {}, filledTo(5_000_001))).toBe(413);
      expect(await post(receiver.url, signedHeaders({}), body)).toBe(204);
    },
  );

  test.skipIf(absent)(
    `${name} refuses to start with anything but whsec_ and 24 bytes`,
    () => {
      const short = Buffer.alloc(23, 1).toString("base64");
      const base64 = secret.slice(6);
      const wrong = [
        "",
        "abc",
        "whsec_",
        `whsec_${short}`,
        base64,
        `whsec_${base64} `,
        `v1,${secret}`,
      ];
      for (const [index, text] of [
        ...wrong,
        `whsec_${base64.replace("=", "")}`,
        "whsec_é",
      ].entries()) {
        const { status, stdout, stderr } = run(sample, { WEBHOOK_SECRET: text });
        expect({ index, status, stdout }).toEqual({ index, status: 1, stdout: "" });
        expect(stderr).toBe("Set WEBHOOK_SECRET to the subscription's signing secret (whsec_…).\n");
      }
    },
    60_000,
  );

  test.skipIf(absent)(`${name} says in one line that it cannot listen`, async () => {
    const { port } = new URL((await start(sample)).url);
    for (const wrong of ["abc", "65536", "-1", port]) {
      const { status, stderr } = run(sample, { WEBHOOK_SECRET: secret, PORT: wrong });
      expect({ wrong, status }).toEqual({ wrong, status: 1 });
      expect(stderr).toMatch(/^(Cannot listen on port|PORT is no port).+\.\n$/);
    }
  });
}

/** Runs a sample that is to end by itself; one that listens instead is ended. */
const run = (sample: (typeof samples)[number], env: Record<string, string>) =>
  spawnSync(sample.command, [...sample.arguments, `${repository}docs/${sample.file}`], {
    cwd: repository,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, PORT: "0", ...env },
    encoding: "utf8",
    timeout: 15_000,
  });

test.skipIf(missing("curl") || spawnSync("openssl", ["version"]).status !== 0)(
  "the shell commands of the page sign a request that a sample accepts",
  async () => {
    const receiver = await start(samples[0]);
    const commands = fences("sh").find((text) => text.includes("openssl dgst"));
    const shell = spawn("sh", ["-euc", commands ?? "exit 1"], {
      env: { PATH: process.env.PATH, WEBHOOK_SECRET: secret, RECEIVER_URL: receiver.url },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const output = await shell.stdout.setEncoding("utf8").toArray();
    expect(output.join("")).toBe("204\n");
    expect(await receiver.nextLine()).toBe("workflow_created event_test");
  },
);

/** What proves a request, and whether it does: in the words of verify.py. */
type Proof = [name: string, given: unknown[], genuine: boolean];

function proofs(): Proof[] {
  const signed = signedHeaders({});
  const other = encodeSecret(new Uint8Array(32).fill(8));
  const rotated = signedHeaders({ secrets: [other, secret] });
  const hex = signBody("sécret", Buffer.from(body));
  const timed = signBody(secret, body);
  const now = signed["webhook-timestamp"];
  return [
    ["verify_signature", [signed, body, secret], true],
    ["verify_signature", [rotated, body, secret], true],
    ["verify_signature", [signed, body, other], false],
    ["verify_signature", [signed, `${body} `, secret], false],
    ["verify_signature", [{ ...signed, "webhook-id": "event_2" }, body, secret], false],
    ["verify_signature", [signedHeaders({ ageSeconds: 330 }), body, secret], false],
    ["verify_signature", [{}, body, secret], false],
    ["verify_body", [hex, body, "sécret"], true],
    ["verify_body", [hex, `${body} `, "sécret"], false],
    ["verify_body", [hex, body, "secret"], false],
    ["verify_body", [hex.slice(1), body, "sécret"], false],
    ["verify_body", ["", body, "sécret"], false],
    ["verify_timed_body", [timed, now, body, secret], true],
    ["verify_timed_body", [timed, now, `${body} `, secret], false],
    ["verify_timed_body", [timed, now, body, other], false],
    ["verify_timed_body", [timed, String(Number(now) - 330), body, secret], false],
    ["verify_timed_body", [timed, "", body, secret], false],
    ["verify_timed_body", ["", now, body, secret], false],
    ["verify_bearer", ["Bearer t0ken", "t0ken"], true],
    ["verify_bearer", ["bearer t0ken", "t0ken"], true],
    ["verify_bearer", ["Bearer t0ke", "t0ken"], false],
    ["verify_bearer", ["t0ken", "t0ken"], false],
    ["verify_bearer", ["", "t0ken"], false],
    ["verify_secret", ["my-secret", "my-secret"], true],
    ["verify_secret", ["my-secre", "my-secret"], false],
    ["verify_secret", ["", "my-secret"], false],
  ];
}

test.each(["python", "ts"])(
  "the %s sample of all five proofs is in the page word for word",
  (language) => {
    const file = `samples/verify.${language === "ts" ? "ts" : "py"}`;
    expect(fences(language)).toContain(read(file));
  },
);

test.skipIf(missing("python3"))("verify.py accepts all five proofs and nothing else", () => {
  const program = `
import json, sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import verify
def bytes_of(name, given):
    at = {"verify_signature": 1, "verify_body": 1, "verify_timed_body": 2}.get(name)
    return [value.encode() if index == at else value for index, value in enumerate(given)]
print(json.dumps([getattr(verify, name)(*bytes_of(name, given)) for name, given, _ in json.load(sys.stdin)]))
`;
  const all = proofs();
  const run = spawnSync("python3", ["-c", program, `${repository}docs/samples`], {
    input: JSON.stringify(all),
    encoding: "utf8",
  });
  expect(run.stderr).toBe("");
  expect(JSON.parse(run.stdout)).toEqual(all.map(([, , genuine]) => genuine));
});

/** What is handed to verify.py by mistake, as Python, and what its message says. */
const mistakes = [
  ['verify_secret("", "")', "must not be empty"],
  ["verify_secret(None, None)", "Is it set?"],
  ['verify_secret("None", None)', "Is it set?"],
  ['verify_secret("42", 42)', "it is int"],
  ['verify_secret("a\\n", "a\\n")', "Strip it"],
  ['verify_secret(b"a", "a")', "header's value must be a str"],
  ["verify_bearer(None, None)", "Is it set?"],
  ['verify_bearer("Bearer ", "")', "must not be empty"],
  ['verify_body("", b"", "")', "must not be empty"],
  ['verify_body("", {}, "s")', "parsed before. Pass the raw bytes."],
  ['verify_body("", None, "s")', "Pass the raw bytes."],
  ['verify_timed_body("", "", b"", "abc")', "whsec_"],
  ['verify_signature({}, b"", "")', "must not be empty"],
  ['verify_signature({}, b"", "abc")', "whsec_ and base64 of 24 to 64 bytes"],
  ['verify_signature({}, b"", "whsec_")', "whsec_ and base64 of 24 to 64 bytes"],
  ['verify_signature({}, b"", GOOD + "\\n")', "nothing around it"],
  ['verify_signature({}, b"", "v1," + GOOD)', "nothing around it"],
  ["verify_signature({}, {}, GOOD)", "parsed before"],
  ['verify_signature(None, b"", GOOD)', "a mapping"],
  ['verify_signature([], b"", GOOD)', "a mapping"],
  ...['"300"', "None", "True", 'float("nan")', "-1"].map((tolerance) => [
    `verify_signature({}, b"", GOOD, ${tolerance})`,
    "tolerance_seconds must be a number",
  ]),
] as const;

test.skipIf(missing("python3"))(
  "verify.py refuses each mistake of its caller with a sentence",
  () => {
    const program = `
import json, sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
from verify import *
GOOD = sys.argv[2]
def said(call):
    try:
        return repr(eval(call))
    except (TypeError, ValueError) as error:
        return str(error)
print(json.dumps([said(call) for call in json.load(sys.stdin)]))
`;
    const { stdout, stderr } = spawnSync(
      "python3",
      ["-c", program, `${repository}docs/samples`, secret],
      { input: JSON.stringify(mistakes.map(([call]) => call)), encoding: "utf8" },
    );
    expect(stderr).toBe("");
    for (const [index, said] of (JSON.parse(stdout) as string[]).entries()) {
      const [call, sentence = ""] = mistakes[index] ?? [];
      expect(said, call).toContain(sentence);
    }
  },
);

test("verify.ts accepts all five proofs and nothing else", async () => {
  const bytes = (text: unknown) => Buffer.from(String(text));
  const verifiers: Record<string, (...given: unknown[]) => Promise<boolean>> = {
    verify_signature: async (headers, text, key) =>
      verifySignature(
        new Headers(headers as Record<string, string>),
        bytes(text),
        String(key),
      ).then(
        (id) => id === "event_1",
        () => false,
      ),
    verify_body: async (header, text, key) =>
      isSignedBody(
        new Headers({ "x-webhook-signature": String(header) }),
        bytes(text),
        String(key),
      ),
    verify_timed_body: async (signature, timestamp, text, key) =>
      isTimedBody(
        new Headers({
          "x-interactly-signature": String(signature),
          "x-interactly-timestamp": String(timestamp),
        }),
        bytes(text),
        String(key),
      ),
    verify_bearer: async (header, key) =>
      hasBearerToken(new Headers({ authorization: String(header) }), String(key)),
    verify_secret: async (header, key) =>
      hasSharedSecret(new Headers({ "x-interactly-secret": String(header) }), String(key)),
  };
  for (const [name, given, genuine] of proofs()) {
    expect(await verifiers[name]?.(...given), `${name} ${JSON.stringify(given)}`).toBe(genuine);
  }
});

/** Names every member of a JSON value by its path, in the order of the text. */
function memberPaths(value: unknown, path = ""): string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([key, member]) =>
    // What was reported is free-form: its members are an example, not a promise.
    /^run\.(input|output|collected_information)$/.test(`${path}${key}`)
      ? [`${path}${key}`]
      : [`${path}${key}`, ...memberPaths(member, `${path}${key}.`)],
  );
}

test("the page shows a payload for each action, with the members that are really sent", () => {
  const shown = new Map(fences("json").map((text) => [JSON.parse(text).action, text]));
  expect([...shown.keys()].sort()).toEqual([...workflowActions].sort());
  const at = new Date("2026-11-21T10:00:00.000Z");
  const workflow = {
    teamId: "65f0a1b2c3d4e5f6a7b8c9d0",
    id: "6b016ba04f1c2b7d9e0a1b2c",
    name: "Book an appointment",
    description: null,
    configuration: null,
    settings: null,
    revision: 1,
    versionNumber: 1,
    versionName: null,
    createdAs: null,
    createdBy: "system",
    updatedBy: "system",
    createdAt: at,
    updatedAt: at,
    deletedAt: null,
  } satisfies Workflow;
  const run = {
    ...workflow,
    id: "6b0172a84f1c2b7d9e0a1b2d",
    workflowId: workflow.id,
    status: "completed",
    trigger: "manual",
    input: jsonText({}),
    output: null,
    collectedInformation: null,
    error: null,
    earlier: null,
    terminationSource: null,
    timeoutSeconds: null,
    deadlineAt: null,
    startedAt: at,
    completedAt: at,
  } satisfies Run;
  const happenings: Happening[] = [
    { kind: "workflow_created", workflow },
    { kind: "workflow_updated", workflow, changes: [], reason: "settings" },
    { kind: "workflow_deleted", workflow },
    { kind: "run_started", workflow, run },
    { kind: "run_ended", workflow, run },
  ];
  for (const happening of happenings) {
    const sent = workflowWebhooks.render(happening, { actor: "system", occurredAt: at });
    const text = shown.get(sent.eventType) ?? "";
    expect(scanJson(text, { depthMax: 64 }).ok).toBe(true);
    const example = JSON.parse(text);
    expect(memberPaths(example)).toEqual(memberPaths(JSON.parse(sent.payload.toString())));
    expect(example.dedupe_key).toBe(sent.dedupeKey);
    expect(page).toContain(`| \`${sent.eventType}\` | \`${sent.eventType}:<`);
  }
});

test("samples/receive-sdk.ts is in the page word for word, and takes each signed event once", async () => {
  expect(fences("ts")).toContain(read("samples/receive-sdk.ts"));
  vi.stubEnv("WEBHOOK_SECRET", secret);
  onTestFinished(() => void vi.unstubAllEnvs());
  const printed = vi.spyOn(console, "log").mockImplementation(() => {});
  onTestFinished(() => printed.mockRestore());
  const { POST } = await import("../../../../docs/samples/receive-sdk.ts");

  const payload = '{"action":"workflow_run_completed","run":{"duration_ms":812}}';
  const post = async (headers: Record<string, string>) =>
    (await POST(new Request("https://example.com/", { method: "POST", headers, body: payload })))
      .status;
  expect(await post({})).toBe(401);
  expect(await post(signedHeaders({ payload }))).toBe(204);
  expect(await post(signedHeaders({ payload }))).toBe(204);
  expect(printed.mock.calls).toEqual([[812]]);
});
