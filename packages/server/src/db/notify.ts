import type { Tx } from "./transaction.ts";

/** Tells all processes, once the transaction commits, that a subscription is not what it was. */
export async function notifySubscriptionChanged(tx: Tx, subscriptionId: string): Promise<void> {
  await notify(tx, { subscription: subscriptionId });
}

/** Tells all processes, once the transaction commits, that a subscription has deliveries to make now. */
export async function notifyDue(tx: Tx, subscriptionId: string): Promise<void> {
  await notify(tx, { due: subscriptionId });
}

/** Tells all processes, once the transaction commits, that a replay was asked for. */
export async function notifyReplay(tx: Tx, replayId: string): Promise<void> {
  await notify(tx, { replay: replayId });
}

/** Tells all processes, once the transaction commits, that a listener has ended or a request waits for it. */
export async function notifyListener(tx: Tx, listenerId: string): Promise<void> {
  await notify(tx, { listener: listenerId });
}

async function notify(tx: Tx, notification: Record<string, string>): Promise<void> {
  await tx`select pg_notify('postrider', ${JSON.stringify(notification)})`;
}
