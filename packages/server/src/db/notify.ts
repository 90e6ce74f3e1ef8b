import type { Tx } from "./transaction.ts";

/** Notifies all processes that a subscription was changed, when the transaction commits. */
export async function notifySubscriptionChanged(tx: Tx, subscriptionId: string): Promise<void> {
  await notify(tx, { subscription: subscriptionId });
}

/** Notifies all processes that a subscription has due deliveries, when the transaction commits. */
export async function notifyDue(tx: Tx, subscriptionId: string): Promise<void> {
  await notify(tx, { due: subscriptionId });
}

/** Notifies all processes that a replay was requested, when the transaction commits. */
export async function notifyReplay(tx: Tx, replayId: string): Promise<void> {
  await notify(tx, { replay: replayId });
}

/** Notifies all processes that a listener has ended or has a request, when the transaction commits. */
export async function notifyListener(tx: Tx, listenerId: string): Promise<void> {
  await notify(tx, { listener: listenerId });
}

async function notify(tx: Tx, notification: Record<string, string>): Promise<void> {
  await tx`select pg_notify('postrider', ${JSON.stringify(notification)})`;
}
