import { decodeSecret } from "@postrider/sdk/sign";
import type { Database } from "../db/pool.ts";
import { keepRequestHeadsOfAllTeams } from "../db/request-heads.ts";
import { listTargetsOfAllTeams, type TargetRow } from "../db/targets.ts";
import type { BodySignature, Contract } from "../domain/contracts/contract.ts";
import type { AttemptResult, UnansweredReason } from "../domain/outcome.ts";
import { findHeaderFaults, type HeaderFault } from "../domain/receiver-headers.ts";
import { requestHead } from "../domain/request-head.ts";
import { type TargetUrlPolicy, vetTargetUrl } from "../domain/target-url.ts";
import { contentId } from "../ids.ts";
import type { Keyring } from "../secrets.ts";

/** The URL, headers, secrets and policy of one subscription, ready to use. */
export type Target = {
  active: boolean;
  /** It is a listener: its requests are fetched from the API, and nothing is sent. */
  listener?: true;
  url: string;
  origin: string;
  path: string;
  /** The result of every attempt while the URL is not allowed or a secret cannot be opened; otherwise undefined. */
  refused: AttemptResult | undefined;
  timeoutSeconds: number;
  maxRetries: number;
  backoffSeconds: number;
  ignoresRetryAfter: boolean;
  /** The signing secrets in force: two during a rotation, the current one first. */
  signingSecrets: readonly Buffer[];
  /** The headers that are the same on every attempt. */
  headers: readonly string[];
  /** The contract's own signature over the bare body. */
  bodySignature: BodySigning | undefined;
  /** The headers as they are stored, with a hash as their id; undefined when nothing can be sent. */
  head: KeptHead | undefined;
};

/** The headers of all requests, as JSON without secrets. */
export type KeptHead = { id: string; headers: string };

/** A body signature with the key as bytes: every attempt is signed with it. */
export type BodySigning = Omit<BodySignature, "key"> & { key: Buffer };

/** A cache of targets. Entries are at most `freshForMs` old, and mostly newer, because changes are notified. */
export type Targets = {
  /** Finds a target: at once when it is cached, otherwise after a read; undefined when there is no such subscription. */
  find(subscriptionId: string): Target | undefined | Promise<Target | undefined>;
  /** Forgets one target, or all of them, because it changed. */
  forget(subscriptionId?: string): void;
};

export type TargetsDeps = {
  database: Database;
  keyring: Keyring;
  contracts: readonly Contract[];
  urlPolicy: TargetUrlPolicy;
  userAgent: string;
  /** The prefix of the service's own header names. */
  headerPrefix: string;
};

const freshForMs = 5_000;
const targetsMax = 20_000;
const keptForMs = 6 * 3_600_000;

type Known = { target: Target | undefined; readAtMs: number };

/** Opens the cache of targets. Concurrent misses share one query. */
export function openTargets(deps: TargetsDeps): Targets {
  const known = new Map<string, Known>();
  let asked = new Map<string, Promise<Target | undefined>>();
  let nextRead: Promise<Map<string, Target>> | undefined;
  // A change that is notified during a read makes that read's answer outdated.
  let generation = 0;
  const keptHeads = new Set<string>();
  let keptSinceMs = performance.now();

  function read(): Promise<Map<string, Target>> {
    nextRead ??= new Promise((resolve, reject) => {
      setImmediate(() => {
        const ids = [...asked.keys()];
        asked = new Map();
        nextRead = undefined;
        listTargetsOfAllTeams(deps.database.sql, ids)
          .then((rows) => keepHeads(rows.map((row) => ({ row, target: toTarget(deps, row) }))))
          .then(resolve, reject);
      });
    });
    return nextRead;
  }

  /** Stores the headers of targets before they are used, and again after hours, which marks them as used today. */
  async function keepHeads(read: readonly { row: TargetRow; target: Target }[]) {
    const nowMs = performance.now();
    if (nowMs - keptSinceMs > keptForMs || keptHeads.size > targetsMax) {
      keptHeads.clear();
      keptSinceMs = nowMs;
    }
    const heads = read.flatMap(({ row: { teamId }, target: { head, refused } }) => {
      const known = !head || refused || keptHeads.has(teamId + head.id);
      return known ? [] : [{ teamId, ...head }];
    });
    if (heads.length > 0) await keepRequestHeadsOfAllTeams(deps.database.sql, heads);
    for (const { teamId, id } of heads) keptHeads.add(teamId + id);
    return new Map(read.map(({ row, target }) => [row.subscriptionId, target]));
  }

  async function fetchTarget(subscriptionId: string): Promise<Target | undefined> {
    const askedIn = generation;
    const target = (await read()).get(subscriptionId);
    if (askedIn === generation) {
      known.delete(subscriptionId);
      known.set(subscriptionId, { target, readAtMs: performance.now() });
      const oldest = known.size > targetsMax ? known.keys().next().value : undefined;
      if (oldest !== undefined) known.delete(oldest);
    }
    return target;
  }

  return {
    find(subscriptionId) {
      const found = known.get(subscriptionId);
      if (found && performance.now() - found.readAtMs < freshForMs) return found.target;
      let pending = asked.get(subscriptionId);
      if (!pending) {
        // Entered before the read is scheduled, so that the read finds it.
        const placeholder = Promise.resolve().then(() => fetchTarget(subscriptionId));
        pending = placeholder;
        asked.set(subscriptionId, placeholder);
      }
      return pending;
    },
    forget(subscriptionId) {
      generation++;
      if (subscriptionId === undefined) known.clear();
      else known.delete(subscriptionId);
    },
  };
}

function toTarget(deps: TargetsDeps, row: TargetRow): Target {
  const { active, url, timeoutSeconds, maxRetries, backoffSeconds } = row;
  const contract = deps.contracts.find(({ name }) => name === (row.tells ?? row.contract));
  const ignoresRetryAfter = contract?.ignoresRetryAfter ?? false;
  const common = { active, url, timeoutSeconds, maxRetries, backoffSeconds, ignoresRetryAfter };
  if (row.tells !== null) return { ...common, ...toListener(deps, row, contract) };
  const vetted = vetTargetUrl(url, deps.urlPolicy);
  if (!vetted.ok) {
    return { ...common, ...nothingToSend, refused: unanswered("blocked_url", vetted.reason) };
  }
  const { origin, pathname, search } = new URL(vetted.url);
  return { ...common, origin, path: pathname + search, ...openedSecrets(deps, row, contract) };
}

/** The target of a listener: it has no address. */
const toListener = (deps: TargetsDeps, row: TargetRow, contract: Contract | undefined) => ({
  ...{ listener: true as const, origin: "", path: "" },
  ...openedSecrets(deps, row, contract),
});

function openedSecrets(deps: TargetsDeps, row: TargetRow, contract: Contract | undefined) {
  try {
    return openSecrets(deps, row, contract);
  } catch {
    // Altered, sealed by a lost key, or no secret at all: one broken row must not stop the deliveries of others.
    const detail =
      "The subscription's secrets cannot be opened; set its token or rotate its secret.";
    return { ...noSecrets, refused: unanswered("decrypt_failed", detail) };
  }
}

const noSecrets: Pick<Target, "signingSecrets" | "headers" | "bodySignature" | "head"> = {
  signingSecrets: [],
  headers: [],
  bodySignature: undefined,
  head: undefined,
};

const nothingToSend = { origin: "", path: "", ...noSecrets };

const unanswered = (reason: UnansweredReason, detail: string): AttemptResult => ({
  kind: "unanswered",
  reason,
  detail,
});

function openSecrets(
  deps: TargetsDeps,
  row: TargetRow,
  contract: Contract | undefined,
): Pick<Target, keyof typeof noSecrets | "refused"> {
  const open = (sealed: Buffer, column: string) =>
    deps.keyring.open(sealed, {
      table: "subscriptions",
      column,
      teamId: row.teamId,
      rowId: row.subscriptionId,
    });
  const credential = row.sealedCredential && open(row.sealedCredential, "sealed_credential");
  const custom = readHeaders(row.sealedHeaders && open(row.sealedHeaders, "sealed_headers"));
  const { headerPrefix } = deps;
  const signingSecret = open(row.sealedSigningSecret, "sealed_signing_secret");
  const secrets = { credential, customHeaders: custom.flat(), signingSecret, headerPrefix };
  const own = contract?.headers({ ...secrets, customHeaders: [] }) ?? [];
  const ownNames = own.filter((_, index) => index % 2 === 0);
  const faults = findHeaderFaults(custom, ownNames, headerPrefix);
  const signingSecrets = [signingSecret];
  if (row.sealedPreviousSecret) {
    signingSecrets.push(open(row.sealedPreviousSecret, "sealed_previous_secret"));
  }
  const common = [
    ...["content-type", "application/json"],
    ...["user-agent", deps.userAgent],
    ...["accept-encoding", "identity"],
  ];
  const ofContract = contract?.headers(secrets) ?? [];
  const bodySignature = contract?.bodySignature?.(secrets);
  const headers = JSON.stringify(
    requestHead({
      open: common,
      secret: ofContract.filter((_, index) => index % 2 === 0),
      bodySignature,
    }),
  );
  return {
    refused:
      faults.length === 0 ? undefined : unanswered("blocked_header", blockedHeaderDetail(faults)),
    signingSecrets: signingSecrets.map(decodeSecret),
    headers: [...common, ...ofContract],
    bodySignature: withKeyBytes(bodySignature),
    head: { id: contentId(headers), headers },
  };
}

const withKeyBytes = (signature: BodySignature | undefined): BodySigning | undefined =>
  signature && { ...signature, key: Buffer.from(signature.key) };

/** Custom headers are sealed as one JSON object of names and values. */
const readHeaders = (sealed: string | null): [name: string, value: string][] =>
  sealed === null ? [] : Object.entries(JSON.parse(sealed) as Record<string, string>);

/** Headers that were accepted once may be refused by later rules. */
const blockedHeaderDetail = ([fault]: readonly HeaderFault[]): string =>
  `The subscription's custom headers are not sent any more: ${
    fault?.name ? `one named ${fault.name}` : "the list"
  } ${fault?.reason}.`;
