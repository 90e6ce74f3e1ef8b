import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { newId } from "../packages/server/src/ids.ts";
import { findChaosPort } from "../packages/server/test/support/ports.ts";
import { type CrashableDatabase, openCrashableDatabase } from "./database.ts";
import { type FaultProxy, openFaultProxy } from "./fault-proxy.ts";
import { type Journal, openJournal } from "./journal.ts";
import type { Subscription } from "./ledger.ts";
import { openPublisher, type Publisher } from "./publisher.ts";
import { openRandom } from "./random.ts";
import { openReceiver, type Receiver, timeoutSeconds } from "./receivers.ts";
import { type SupervisedService, superviseService } from "./supervisor.ts";

/** Two services on one database, a proxy between each and it, a publisher, and a receiver for each subscription. */
export type Stage = {
  services: readonly SupervisedService[];
  proxies: readonly FaultProxy[];
  database: CrashableDatabase;
  journal: Journal;
  receivers: readonly Receiver[];
  publisher: Publisher;
  subscriptions: readonly Subscription[];
};

const runEvents = ["workflow_run_started", "workflow_run_completed"];
const callEvents = ["status-update", "conversation-update", "end-of-call-report"];
/** One gives up early, so that what failed is delivered again on request. */
const hooks = [
  { name: "steady", maxRetries: 10 },
  { name: "fickle 1", maxRetries: 10 },
  { name: "fickle 2", maxRetries: 2 },
];
const organisationRetries = 3;

/** Statements of the service that commit by themselves, so that losing their answer is losing a commit's. */
const committing = [
  ...["record_attempts", "claim_due", "release_deliveries"],
  "list_due_subscriptions", // It ends hot leases.
];

/** Opens all parts, in a directory; each adds to `closers` how it is closed, to be called backwards. */
export async function openStage(
  seed: number,
  directory: string,
  closers: (() => Promise<unknown>)[],
): Promise<Stage> {
  const journal = openJournal(directory);
  closers.push(() => journal.close());
  mkdirSync(path.join(directory, "database"));
  const database = await openCrashableDatabase(path.join(directory, "database"));
  closers.push(() => database.close());

  const proxies: FaultProxy[] = [];
  const services: SupervisedService[] = [];
  const apiKey = "chaos-key-of-sixteen-characters";
  const encryptionKey = randomBytes(32).toString("hex");
  for (const service of [0, 1]) {
    const proxy = await openFaultProxy({
      port: await findChaosPort(),
      connect: () => database.connect(),
      committing,
    });
    closers.push(() => proxy.close());
    proxies.push(proxy);
    journal.incident({ what: `service ${service} starts`, part: `service ${service}`, up: false });
    const supervised = superviseService({
      port: await findChaosPort(),
      logFile: path.join(directory, `service-${service}.log`),
      env: {
        DATABASE_URL: `postgresql://postgres@127.0.0.1:${proxy.port}/postrider`,
        POSTRIDER_ENCRYPTION_KEY: encryptionKey,
        POSTRIDER_API_KEY: apiKey,
        POSTRIDER_ALLOW_HTTP: "1",
        POSTRIDER_EGRESS_ALLOW: "127.0.0.0/8",
        POSTRIDER_LOG_LEVEL: "warn",
        POSTRIDER_SHUTDOWN_SECONDS: "10",
        HOST: "127.0.0.1",
      },
      onState: (up) => journal.incident({ what: "", part: `service ${service}`, up }),
    });
    closers.push(() => supervised.close());
    services.push(supervised);
  }
  await Promise.all(services.map((service) => service.ready()));

  const random = openRandom(seed, "publisher");
  const workflowId = newId();
  const assistantIds: string[] = [];
  const publisher = openPublisher({
    urls: services.map(({ url }) => url),
    apiKey,
    journal,
    random,
    workflowId,
    assistantIds,
  });
  closers.push(() => publisher.close());
  const receivers: Receiver[] = [];
  const addReceiver = async (name: string) => {
    const receiver = await openReceiver({ name, journal, random: openRandom(seed, name) });
    closers.push(() => receiver.close());
    receivers.push(receiver);
    return receiver;
  };
  const subscriptions = await subscribe(publisher, addReceiver);
  assistantIds.push(...subscriptions.filter((one) => one.atMostOnce).map(({ id }) => id));
  await publisher.call("POST", "/workflows/v1/workflows", { _id: workflowId, name: "Chaos" });

  return { services, proxies, database, journal, receivers, publisher, subscriptions };
}

/** Makes the subscriptions, a receiver for each: one is steady, the others are fickle. */
async function subscribe(
  publisher: Publisher,
  addReceiver: (name: string) => Promise<Receiver>,
): Promise<Subscription[]> {
  const subscriptions: Subscription[] = [];
  const add = async (
    receiver: Receiver,
    given: { path: string; body: object; rules: Omit<Subscription, "id" | "name"> },
  ) => {
    const { id } = await publisher.call<{ id: string }>("POST", given.path, given.body);
    const secret = await publisher.call<{ secret: string }>(
      "GET",
      `${given.path}/${id}/signing-secret`,
    );
    receiver.knows(id, secret.secret);
    subscriptions.push({ id, name: receiver.name, ...given.rules });
  };
  for (const { name, maxRetries } of hooks) {
    const receiver = await addReceiver(name);
    await add(receiver, {
      path: "/workflows/v1/workflow-webhooks",
      body: {
        name,
        url: receiver.url,
        actions: runEvents,
        timeout_seconds: timeoutSeconds,
        max_retries: maxRetries,
        retry_backoff_seconds: 1,
      },
      rules: {
        eventTypes: runEvents,
        maxRetries,
        redelivered: true,
        atMostOnce: false,
      },
    });
  }
  const organisation = await addReceiver("organisation");
  const organisationEvents = ["workflow.started", "workflow.completed"];
  await add(organisation, {
    path: "/webhooks",
    body: { name: "organisation", url: organisation.url, events: organisationEvents },
    rules: {
      eventTypes: organisationEvents,
      maxRetries: organisationRetries,
      redelivered: false,
      atMostOnce: false,
    },
  });
  for (const name of ["steady assistant", "fickle assistant"]) {
    const receiver = await addReceiver(name);
    await add(receiver, {
      path: "/assistants/v1/assistants",
      body: {
        name,
        hangTimeoutSeconds: 3_600,
        assistantServer: { enabled: true, url: receiver.url, timeoutSeconds, messages: callEvents },
      },
      rules: { eventTypes: callEvents, maxRetries: 0, redelivered: false, atMostOnce: true },
    });
  }
  return subscriptions;
}
